//! Where a known difference is seen: exchanges, a place, and the values there on both planes.
//!
//! Nothing here fits more than somebody has looked at: exchanges and places are named, not described,
//! and a pattern of values that fits any value is refused.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::Deserialize;

use crate::seen::Difference;

/// Exchanges and places, as the list has them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Place {
    /// Exchanges, parted by blanks: `SCENE/1,4-6` is each of these, `SCENE` any one or more of it,
    /// `everywhere` any of all. Only what is logged may be different everywhere.
    scene: String,
    /// The places: one, or several parted by blanks. In a shape, too.
    place: String,
    /// What our own proxy has there; `-` is nothing: a regular expression over the whole.
    native: Option<String>,
    /// What Envoy has there, in the same way.
    envoy: Option<String>,
    /// The name of a shape, instead of place and values.
    shape: Option<String>,
    /// The versions of Envoy, such as `1.36`; default all.
    pub(super) versions: Vec<String>,
    /// Whether chance decides: it may not be seen. Only of what is logged.
    sometimes: bool,
}

/// One place with its values, and the exchanges that show it.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) id: String,
    place: String,
    native: Regex,
    envoy: Regex,
    exchanges: Vec<Exchanges>,
    sometimes: bool,
    /// Those of `exchanges` that were seen.
    seen: BTreeSet<usize>,
}

/// Exchanges that show something.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exchanges {
    One(String),
    /// Some of a scene.
    Of(String),
    Any,
}

/// Values that have nothing in common: what fits all of them fits anything.
const VALUES: [&str; 5] = ["-", "0", "text/plain", "GET /a?b=c", "{\"ä\": [true]}"];

/// The patterns of an entry's place.
///
/// # Errors
/// When it is incomplete, or fits what nobody has looked at.
pub(super) fn of(
    id: &str,
    place: &Place,
    shapes: &BTreeMap<String, Vec<Place>>,
) -> Result<Vec<Pattern>, String> {
    let mut all_exchanges = Vec::new();
    for text in place.scene.split_whitespace() {
        all_exchanges.extend(exchanges(text).map_err(|error| format!("{id}: {error}"))?);
    }
    if all_exchanges.is_empty() {
        return Err(format!("{id}: it names no scene"));
    }
    let parts = match &place.shape {
        None => std::slice::from_ref(place),
        Some(shape) => {
            if !place.place.is_empty() || place.native.is_some() || place.envoy.is_some() {
                return Err(format!("{id}: a shape has places and values of its own"));
            }
            let parts = shapes.get(shape);
            parts.ok_or_else(|| format!("{id}: there is no shape {shape}"))?
        }
    };
    let mut all = Vec::new();
    for part in parts {
        for name in places(&part.place).map_err(|error| format!("{id}: {error}"))? {
            if all_exchanges.contains(&Exchanges::Any) && !name.starts_with("log.") {
                return Err(format!("{id}: {name} is not looked at anywhere any more"));
            }
            if place.sometimes && !name.starts_with("log.") {
                return Err(format!("{id}: {name} is no matter of chance"));
            }
            let value = |value: &Option<String>, whose: &str| {
                values(value.as_deref()).map_err(|error| format!("{id}: {name}: {whose}: {error}"))
            };
            all.push(Pattern {
                id: id.to_owned(),
                native: value(&part.native, "native")?,
                envoy: value(&part.envoy, "envoy")?,
                place: name,
                exchanges: all_exchanges.clone(),
                sometimes: place.sometimes,
                seen: BTreeSet::new(),
            });
        }
    }
    Ok(all)
}

/// `SCENE/1,4-6`, `SCENE` or `everywhere`.
fn exchanges(text: &str) -> Result<Vec<Exchanges>, String> {
    let is_name = |text: &str| {
        let fine = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-';
        !text.is_empty() && text.chars().all(fine)
    };
    if text == "everywhere" {
        return Ok(vec![Exchanges::Any]);
    }
    let (scene, numbers) = match text.split_once('/') {
        None => (text, None),
        Some((scene, numbers)) => (scene, Some(numbers)),
    };
    if !is_name(scene) {
        return Err(format!("`{scene}` is no scene's name"));
    }
    let Some(numbers) = numbers else {
        return Ok(vec![Exchanges::Of(format!("{scene}/"))]);
    };
    let number = |text: &str| {
        let number = text.parse::<usize>();
        number.map_err(|_| format!("`{text}` in `{numbers}` is no number"))
    };
    let mut all = Vec::new();
    for part in numbers.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        for one in number(first)?..=number(last)? {
            all.push(Exchanges::One(format!("{scene}/{one}")));
        }
    }
    Ok(all)
}

/// Names of places: no pattern is one.
fn places(text: &str) -> Result<Vec<String>, String> {
    let fine =
        |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || "-._()".contains(one);
    let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if names.is_empty() {
        return Err("it names no place".to_owned());
    }
    for name in &names {
        let begins = ["reply", "upstream.", "log.", "tunnel"];
        if !name.chars().all(fine) || !begins.iter().any(|begin| name.starts_with(begin)) {
            return Err(format!("`{name}` is no place's name"));
        }
    }
    Ok(names)
}

/// A pattern of values.
fn values(text: Option<&str>) -> Result<Regex, String> {
    let text = text.ok_or("say which values, `-` for nothing")?;
    let pattern = Regex::new(&format!("^(?s:{text})$")).map_err(|error| error.to_string())?;
    if VALUES.iter().all(|value| pattern.is_match(value)) {
        return Err(format!("`{text}` fits anything"));
    }
    Ok(pattern)
}

impl Pattern {
    /// Whether it says this difference; notes that it was seen.
    pub(super) fn fits(&mut self, at: &str, difference: &Difference) -> bool {
        let fits = |pattern: &Regex, value: &Option<String>| {
            pattern.is_match(value.as_deref().unwrap_or("-"))
        };
        if difference.place != self.place
            || !fits(&self.native, &difference.native)
            || !fits(&self.envoy, &difference.envoy)
        {
            return false;
        }
        let mut known = self.exchanges.iter();
        let known = known.position(|one| match one {
            Exchanges::One(name) => name == at,
            Exchanges::Of(scene) => at.starts_with(scene.as_str()),
            Exchanges::Any => true,
        });
        self.seen.extend(known);
        known.is_some()
    }

    /// Its exchanges that did not show it, of scenes that begin so.
    pub(super) fn unseen(&self, scenes: &str) -> impl Iterator<Item = String> {
        let all = self.exchanges.iter().enumerate();
        let unseen = all.filter(|(at, _)| !self.sometimes && !self.seen.contains(at));
        unseen.filter_map(move |(_, one)| {
            let at = match one {
                Exchanges::One(name) | Exchanges::Of(name) => {
                    name.starts_with(scenes).then_some(&**name)?
                }
                Exchanges::Any => scenes.is_empty().then_some("anywhere")?,
            };
            let Self {
                id,
                place,
                native,
                envoy,
                ..
            } = self;
            Some(format!(
                "{id}: {place} of {at}, native {native}, envoy {envoy}"
            ))
        })
    }
}
