//! The size of what Envoy has to be told of one host, so that what it is told of an edit can be compared with it.

use anyhow::Context as _;
use fg_envoy::{Compiler, Kind, Settings};
use fg_ir::Change;
use fg_testkit::objects::objects;
use fg_translate::{Options, Translator};

use super::objects::{self, HOME, Route};
use super::plane::Plane;

/// The size of the virtual host of the routes that are edited, of which there are so many. Units: KiB.
/// Errors: there is none, so translation is broken.
pub(super) fn size(edited: usize) -> anyhow::Result<f64> {
    let mut all = vec![objects::gateway(Plane::Envoy.class())];
    all.extend(objects::origin_of(HOME));
    all.extend((0..edited).map(|number| Route::edited(number).object(Some("100"))));
    let all: Vec<String> = all.iter().map(|one| one.value.to_string()).collect();
    let mut translator = Translator::new(Options::default());
    translator.apply(&objects(&all.join("\n---\n")), &[]);
    let ir = translator.ir();
    let update = Compiler::new(Settings::default()).update(ir, &Change::from(ir));
    let host = Route::edited(0).target.host;
    let found = update
        .upserts
        .iter()
        .find(|one| one.kind == Kind::VirtualHost && one.name.ends_with(&host));
    let found = found.with_context(|| format!("{host} has no virtual host"))?;
    Ok(found.body.len() as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_host_of_more_routes_is_larger() {
        let sizes = [1, 100].map(|count| super::size(count).unwrap());
        assert!(sizes[0] > 0.0 && sizes[1] > sizes[0] * 10.0, "{sizes:?}");
    }
}
