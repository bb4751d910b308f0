//! A folder of files as the source of a control plane.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fg_api::Resource;
use fg_base::Text;
use fg_control::Objects;
use fg_control::explain::Asking;
use fg_model::{HostPattern, ObjectRef, Origin, Place, kinds};
use fg_sources::Limits;
use fg_sources::files::{self, Delta};
use fg_sources::watch::Changes;
use fg_translate::Options;

use crate::cli::{ServedByArgs, TranslationArgs};

/// Fields whose exact line is looked up in one go; each costs reading its file again. Beyond that
/// the line of the object has to do.
const EXACT_LINES: usize = 200;

/// The source: a folder on disk, or texts in memory.
pub(crate) struct Source(files::Folder);

impl Source {
    /// A folder, or one file, on disk; nothing is read yet.
    ///
    /// # Errors
    /// When it is not there, in the user's words.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        files::Folder::open(path, Limits::default())
            .map(Self)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    /// Texts in memory, and what they say.
    pub(crate) fn in_memory(texts: &[(&str, String)]) -> (Self, Objects) {
        let mut source = Self(files::Folder::in_memory(Limits::default()));
        let texts = texts.iter().map(|(name, text)| (*name, text.as_str()));
        let delta = source.0.replace(texts);
        let objects = source.objects_of(delta, true);
        (source, objects)
    }

    /// Reads everything that is new or changed.
    pub(crate) fn load(&mut self) -> Objects {
        let delta = self.0.load();
        self.objects_of(delta, true)
    }

    /// Reads what a watch says; `None` when nothing is different.
    pub(crate) fn apply(&mut self, changes: &Changes) -> Option<Objects> {
        let delta = self.0.apply(changes);
        (!delta.is_empty()).then(|| self.objects_of(delta, false))
    }

    /// Folders outside that links lead to.
    pub(crate) fn outside(&self) -> std::collections::BTreeSet<std::path::PathBuf> {
        self.0.outside().clone()
    }

    /// How many objects are written in it.
    pub(crate) fn objects(&self) -> usize {
        let written = |id: &Arc<ObjectRef>| self.0.place(id).is_some();
        self.0
            .resources()
            .filter(|object| written(object.id()))
            .count()
    }

    /// How many objects of kinds are in it that are not read.
    pub(crate) fn others(&self) -> usize {
        self.0.other_kinds().values().sum()
    }

    /// What routes ask of a host (lower-case, without port), served or not.
    pub(crate) fn asking(&self, host: &str) -> Asking {
        let mut asking = asking(self.0.resources(), host);
        for (route, hostnames) in self.0.refused_routes() {
            ask(&mut asking, &Origin::of(route.clone(), 0), hostnames, host);
        }
        asking.by_name.sort();
        asking
    }

    /// File and line of a field.
    pub(crate) fn place(&self, origin: &Origin) -> Option<Place> {
        if origin.path.is_empty() {
            return self.0.place(&origin.object).cloned();
        }
        self.0.place_of(&origin.object, &origin.path)
    }

    /// File and line of fields: exact for so many, of their object for the rest.
    pub(crate) fn places(&self) -> impl Fn(&Origin) -> Option<Place> {
        let left = Cell::new(EXACT_LINES);
        move |origin| {
            if origin.object.is(kinds::FILE) {
                return None;
            }
            if left.get() == 0 {
                return self.0.place(&origin.object).cloned();
            }
            left.set(left.get() - 1);
            self.place(origin)
        }
    }

    fn objects_of(&self, delta: Delta, all: bool) -> Objects {
        let findings = (all || delta.findings_changed)
            .then(|| self.0.findings().into_iter().map(Arc::new).collect());
        // The translator knows the classes that exist without being written, and finds no fault
        // with them.
        let (unwritten, upserts): (Vec<_>, Vec<_>) =
            delta.upserts.into_iter().partition(|object| {
                object.id().is(kinds::GATEWAY_CLASS) && self.0.place(object.id()).is_none()
            });
        let removed = delta.removed.iter();
        let removed = removed.chain(unwritten.iter().map(|object| object.id()));
        Objects {
            removed: removed.map(|id| ObjectRef::clone(id)).collect(),
            upserts,
            findings,
        }
    }
}

/// What routes among objects ask of a host (lower-case, without port).
pub(crate) fn asking<'a>(resources: impl IntoIterator<Item = &'a Resource>, host: &str) -> Asking {
    let mut asking = Asking::default();
    for resource in resources {
        let (hostnames, origin) = match resource {
            Resource::HttpRoute(route) => (&route.spec.hostnames, route.origin()),
            Resource::GrpcRoute(route) => (&route.spec.hostnames, route.origin()),
            _ => continue,
        };
        ask(&mut asking, &origin, hostnames, host);
    }
    asking.by_name.sort();
    asking
}

/// Takes note of what a route asks of a host.
fn ask(asking: &mut Asking, route: &Origin, hostnames: &[Text], host: &str) {
    let fits = |written: &str| {
        HostPattern::parse(Some(written)).is_ok_and(|pattern| pattern.matches(host))
    };
    match hostnames.iter().position(|written| fits(written)) {
        Some(at) => {
            let named = route.at(format!("spec.hostnames[{at}]"));
            asking.by_name.push(named);
        }
        None if hostnames.is_empty() => {}
        None => {
            asking.others.insert(route.object.clone());
        }
    }
}

/// What time it is. Units: seconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// The translator's options.
pub(crate) fn options(translation: TranslationArgs, served_by: ServedByArgs) -> Options {
    Options {
        allow_external_name: translation.allow_external_name,
        plane: served_by.plane.map(Into::into),
        ..Options::default()
    }
}

#[cfg(test)]
mod tests {
    use fg_api::http_route::HttpRouteFilter;
    use fg_policies::{Written, traffic};

    /// What stands in for a refused route closes what policies say that they protect, and no more.
    #[test]
    fn filters_are_harmless_whose_policies_protect_nothing() {
        let protects = |kind: &str| {
            let filter = HttpRouteFilter {
                kind: kind.into(),
                ..HttpRouteFilter::default()
            };
            let mut all = traffic::ALL.iter();
            let policy = all.find(|policy| policy.reads.looks_at(Written::Filter(&filter)));
            policy.expect("it is a filter").protective
        };
        for kind in fg_sources::files::HARMLESS {
            assert!(!protects(kind), "{kind}");
        }
        for kind in ["ExternalAuth", "RequestRedirect", "URLRewrite"] {
            assert!(protects(kind), "{kind}");
        }
    }
}
