//! What `docs/kubernetes.md` and the README show of a cluster, done on one: their YAML in its order, and
//! the output of the commands that they print.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fg_testcluster::{Cluster, Options};

const PAGE: &str = include_str!("../../../docs/kubernetes.md");
const README: &str = include_str!("../../../README.md");

/// Longer than anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at what is waited for.
const GLANCE: Duration = Duration::from_millis(100);

#[test]
fn the_pages_say_what_happens_on_a_cluster() -> anyhow::Result<()> {
    let program = ferrogate()?;
    let cluster = match std::env::var("FERROGATE_TEST_CLUSTER") {
        Ok(id) => Cluster::attach(&id)?,
        Err(_) => Cluster::up(Options {
            images: vec![("ferrogate".to_owned(), program.clone())],
            program: Some(env!("CARGO_BIN_EXE_fg-testcluster").into()),
            ..Options::default()
        })?,
    };
    let user = User { cluster, program };
    user.install()?;
    let mut shown = 0;
    for block in blocks(PAGE) {
        match block {
            Block::Yaml(text) => user.cluster.apply(text)?,
            Block::Console(text) => shown += user.sees(text)?,
            Block::Other => {}
        }
    }
    ensure!(shown == 5, "the page shows {shown} commands");
    user.is_served()?;
    user.readme()
}

/// Somebody who does what the pages say.
struct User {
    cluster: Cluster,
    program: PathBuf,
}

impl User {
    /// Pipes what the README's `ferrogate manifests` prints into the cluster.
    fn install(&self) -> anyhow::Result<()> {
        let words = |page: &'static str| {
            let lines = page
                .lines()
                .filter_map(|line| line.strip_prefix("ferrogate manifests "));
            let lines = lines.filter_map(|line| Some(line.split_once(" | kubectl apply ")?.0));
            lines.collect::<Vec<_>>()
        };
        let (page, readme) = (words(PAGE), words(README));
        ensure!(page.len() == 1 && page == readme, "{page:?}, {readme:?}");
        let said = self.run(&format!("manifests {}", page.concat()))?;
        self.cluster.apply(&said)
    }

    /// Each command prints the lines below it, sooner or later; how many commands there were.
    fn sees(&self, console: &str) -> anyhow::Result<usize> {
        let mut commands = 0;
        for part in console.split("$ ferrogate ").skip(1) {
            let (words, expected) = part.split_once('\n').context("a command and its output")?;
            self.until(words, || {
                let said = self.run(words)?;
                let mut lines = said.lines();
                // In that order; what a page leaves out may stand between them.
                for wanted in expected.lines() {
                    ensure!(
                        lines.any(|line| plain(line) == plain(wanted)),
                        "no line `{wanted}` in:\n{said}"
                    );
                }
                Ok(())
            })?;
            commands += 1;
        }
        Ok(commands)
    }

    /// The Gateways answer by the addresses of their status.
    fn is_served(&self) -> anyhow::Result<()> {
        for (gateway, host, answer) in [
            ("edge", "shop.example.com", "\"name\": \"shop\""),
            (
                "edge",
                "team-a.example.com",
                "location: http://shop.example.com",
            ),
            ("edge", "cart.example.com", "500 Internal Server Error"),
            ("internal", "shop.example.com", "404 Not Found"),
        ] {
            self.until(host, || {
                let address = self.address(gateway)?;
                let reply = self.cluster.inside(|| ask(address, host))?;
                ensure!(reply.contains(answer), "{gateway} {host}: {reply}");
                Ok(())
            })?;
        }
        self.until("two proxies of `internal`", || {
            let said = self.run("get gateways -n default")?;
            ensure!(said.contains(" 2/2 "), "{said}");
            Ok(())
        })
    }

    /// The README's objects go over those of the page, and its commands say something.
    fn readme(&self) -> anyhow::Result<()> {
        let chapter = README.split("\n## On a cluster\n").nth(1);
        let chapter = chapter.and_then(|rest| rest.split("\n## ").next());
        let chapter = chapter.context("the README has that chapter")?;
        for block in blocks(chapter) {
            if let Block::Yaml(text) = block {
                self.cluster.apply(text)?;
            }
        }
        let commands = chapter
            .lines()
            .filter_map(|line| line.strip_prefix("ferrogate "));
        let mut ran = 0;
        for command in commands.filter(|line| !line.starts_with("manifests ")) {
            let words = command.split(" # ").next().unwrap_or(command).trim();
            let said = self.run(words)?;
            ensure!(
                said.contains("shop") || said.contains("edge"),
                "{words}: {said}"
            );
            ran += 1;
        }
        ensure!(ran == 4, "the README shows {ran} commands");
        let explained = self.run("explain --cluster http://shop.example.com/cart")?;
        ensure!(
            explained.contains("Service default/shop:80 → "),
            "{explained}"
        );
        Ok(())
    }

    /// The address that `get` shows of a Gateway.
    fn address(&self, gateway: &str) -> anyhow::Result<IpAddr> {
        let said = self.run("get gateways")?;
        let words = said
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut lines = words.filter(|words| words.get(1) == Some(&gateway));
        let line = lines.next().context("it is listed")?;
        Ok(line.get(3).context("it has an address")?.parse()?)
    }

    /// Runs the program as somebody with a kubeconfig; what it printed, whatever its code.
    fn run(&self, words: &str) -> anyhow::Result<String> {
        let mut command: Command = self.cluster.enter(&self.program);
        let output = command.args(words.split_whitespace()).output()?;
        ensure!(
            output.stderr.is_empty(),
            "ferrogate {words}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Tries until it works. Errors: the last one.
    fn until(&self, what: &str, work: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            match work() {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > end => {
                    return Err(error.context(format!("waited in vain for {what}")));
                }
                Err(_) => std::thread::sleep(GLANCE),
            }
        }
    }
}

/// A block of a page.
enum Block<'a> {
    Yaml(&'a str),
    Console(&'a str),
    Other,
}

fn blocks(page: &str) -> impl Iterator<Item = Block<'_>> {
    // Every second piece is inside of a fence.
    page.split("\n```")
        .skip(1)
        .step_by(2)
        .map(|block| match block.split_once('\n') {
            Some(("yaml", text)) => Block::Yaml(text),
            Some(("console", text)) => Block::Console(text),
            _ => Block::Other,
        })
}

/// A line without what differs from cluster to cluster: addresses, and the width of columns.
fn plain(line: &str) -> String {
    let words = line
        .split_whitespace()
        .map(|word| match word.parse::<IpAddr>() {
            Ok(_) => "ADDRESS",
            Err(_) => word,
        });
    words.collect::<Vec<_>>().join(" ")
}

/// The whole answer to a request. Called inside of the cluster's network.
fn ask(address: IpAddr, host: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&(address, 80).into(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

/// The program, built as the sources are: it is no part of this package's tests.
fn ferrogate() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "-p", "ferrogate"])
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "the build of ferrogate failed");
    Ok(Path::new(env!("CARGO_BIN_EXE_fg-testcluster")).with_file_name("ferrogate"))
}
