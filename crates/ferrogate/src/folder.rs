//! A folder of files as the source of a control plane.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fg_api::Resource;
use fg_base::Text;
use fg_control::Objects;
use fg_control::explain::{Asking, Rival};
use fg_model::{Finding, FindingKind, HostPattern, ObjectRef, Origin, Place, ascii_host, kinds};
use fg_sources::Limits;
use fg_sources::files::{self, Asks, Delta};
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

    /// What links lead to.
    pub(crate) fn links(&self) -> files::Links {
        self.0.links()
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
        for (route, asks) in self.0.refused_routes() {
            let origin = Origin::of(route.clone(), 0);
            ask(&mut asking, &origin, asks.clone(), host);
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

    /// Adds to findings about references to certificates where the object with these is written:
    /// there is what is wrong.
    pub(crate) fn add_places_behind(&self, findings: &mut [Arc<Finding>]) {
        for finding in findings {
            if let Some((object, place)) = self.behind(finding) {
                let mut more = Finding::clone(finding);
                more.also(&format!("{} `{}` is at {place}", object.kind, object.name));
                *finding = Arc::new(more);
            }
        }
    }

    /// The object with certificates that a finding is about, and where it is written.
    fn behind(&self, finding: &Finding) -> Option<(ObjectRef, Place)> {
        let is_of_content = matches!(
            finding.kind,
            FindingKind::InvalidCertificateRef
                | FindingKind::InvalidClientCertificateRef
                | FindingKind::InvalidCaCertificateRef
                | FindingKind::CertificateExpired
                | FindingKind::CertificateMismatch
        );
        let about = &finding.about;
        let resource = self.0.resource(&about.object).filter(|_| is_of_content)?;
        let spec = match resource {
            Resource::Gateway(gateway) => serde_json::to_value(&gateway.spec),
            Resource::ListenerSet(set) => serde_json::to_value(&set.spec),
            Resource::BackendTlsPolicy(policy) => serde_json::to_value(&policy.spec),
            _ => return None,
        };
        let spec = spec.ok()?;
        let found = field(&spec, about.path.strip_prefix("spec.")?)?;
        // What is said of a list is about its only entry.
        let reference = match found.as_array().map(Vec::as_slice) {
            None => found,
            Some([only]) => only,
            Some(_) => return None,
        };
        let word = |name: &str| reference.get(name).and_then(serde_json::Value::as_str);
        let (group, kind) = kinds::SECRET;
        let object = ObjectRef::new(
            word("group").unwrap_or(group),
            word("kind").unwrap_or(kind),
            word("namespace").unwrap_or(&about.object.namespace),
            word("name")?,
        );
        let place = self.0.place(&object)?.clone();
        Some((object, place))
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

/// The value of a field path such as `listeners[0].tls`.
fn field<'a>(value: &'a serde_json::Value, path: &str) -> Option<&'a serde_json::Value> {
    path.split('.').try_fold(value, |value, part| {
        let (name, index) = match part.split_once('[') {
            Some((name, index)) => (name, Some(index.trim_end_matches(']'))),
            None => (part, None),
        };
        let value = value.get(name)?;
        match index {
            Some(index) => value.get(index.parse::<usize>().ok()?),
            None => Some(value),
        }
    })
}

/// What routes among objects ask of a host (lower-case, without port).
pub(crate) fn asking<'a>(resources: impl IntoIterator<Item = &'a Resource>, host: &str) -> Asking {
    let mut asking = Asking::default();
    for resource in resources {
        let (hostnames, parents, origin) = match resource {
            Resource::HttpRoute(route) => {
                let spec = &route.spec;
                (&spec.hostnames, &spec.parent_refs, route.origin())
            }
            Resource::GrpcRoute(route) => {
                let spec = &route.spec;
                (&spec.hostnames, &spec.parent_refs, route.origin())
            }
            _ => continue,
        };
        let parents = parents.iter().map(|parent| {
            let namespace = parent.namespace.as_ref();
            let namespace = namespace.unwrap_or(&origin.object.namespace);
            (namespace.clone(), parent.name.clone())
        });
        let asks = Asks {
            hostnames: Some(hostnames.to_vec()),
            parents: parents.collect(),
        };
        ask(&mut asking, &origin, asks, host);
    }
    asking.by_name.sort();
    asking
}

/// Takes note of what a route asks of a host.
fn ask(asking: &mut Asking, route: &Origin, asks: Asks, host: &str) {
    // Also a name that is refused for its letters is the host that was meant.
    let pattern = |written: &Text| {
        let ascii = ascii_host(written).ok()?;
        HostPattern::parse(Some(&ascii)).ok()
    };
    let fits = |written: &Text| pattern(written).filter(|pattern| pattern.matches(host));
    let Asks { hostnames, parents } = asks;
    let hostname = match &hostnames {
        None => None,
        Some(none) if none.is_empty() => Some(HostPattern::Any),
        Some(hostnames) => {
            let Some(at) = hostnames.iter().position(|one| fits(one).is_some()) else {
                asking.others.insert(route.object.clone());
                return;
            };
            let named = route.at(format!("spec.hostnames[{at}]"));
            asking.by_name.push(named);
            let fitting = hostnames.iter().filter_map(fits);
            fitting.min_by(HostPattern::cmp_specificity)
        }
    };
    asking.rivals.push(Rival {
        route: route.object.clone(),
        hostname,
        parents,
    });
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
