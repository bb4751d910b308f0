//! The project's automation: `cargo xtask <verb>`. With no verb it lists them.

mod bench;
mod generate;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        None => {
            println!("verbs: bench, gen");
            Ok(())
        }
        Some((verb, args)) => match verb.as_str() {
            "bench" => bench::run(args),
            "gen" => generate::run(args),
            other => bail!("no such verb: {other}; `cargo xtask` lists them"),
        },
    }
}
