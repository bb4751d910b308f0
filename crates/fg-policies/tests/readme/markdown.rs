//! From a README to its examples.

/// One rule and what is shown of it.
#[derive(Debug, Default)]
pub(crate) struct Example {
    /// The heading above, for messages.
    pub(crate) heading: String,
    pub(crate) yaml: String,
    pub(crate) finding: Option<Vec<String>>,
    pub(crate) explain: Option<Vec<String>>,
    pub(crate) limits: Option<Vec<String>>,
    pub(crate) exchanges: Vec<Exchange>,
}

/// One request and what becomes of it, in lines.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<String>,
    pub(crate) call: Option<Vec<String>>,
    pub(crate) said: Vec<String>,
    pub(crate) answer: Vec<String>,
    pub(crate) backend: Option<Vec<String>>,
    pub(crate) reply: Option<Vec<String>>,
}

/// The examples of a text, in order. Panics on a block that stands where it means nothing.
pub(crate) fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut heading = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            line.trim_start_matches('#').trim().clone_into(&mut heading);
        }
        let Some(kind) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<String> = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(str::to_owned)
            .collect();
        if kind == "yaml" {
            examples.push(Example {
                heading: heading.clone(),
                yaml: block.join("\n"),
                ..Example::default()
            });
        } else {
            let example = examples.last_mut().expect("a block follows its yaml");
            put(example, kind, block);
        }
    }
    examples
}

fn put(example: &mut Example, kind: &str, block: Vec<String>) {
    match kind {
        "finding" => example.finding = Some(block),
        "explain" => example.explain = Some(block),
        "limits" => example.limits = Some(block),
        "request" => example.exchanges.push(Exchange {
            request: block,
            ..Exchange::default()
        }),
        "call" | "said" | "answer" | "backend" | "reply" => {
            let exchange = example
                .exchanges
                .last_mut()
                .expect("it follows its request");
            match kind {
                "call" => exchange.call = Some(block),
                "said" => exchange.said = block,
                "answer" => exchange.answer = block,
                "backend" => exchange.backend = Some(block),
                _ => exchange.reply = Some(block),
            }
        }
        other => panic!("a block of kind `{other}` means nothing here"),
    }
}
