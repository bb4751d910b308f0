//! kgateway's `Backend`: only fixed hosts are supported so far.

use fg_api::Object;
use fg_api::backend::BackendSpec;
use fg_ir::{BackendProtocol, StaticHost};
use fg_model::{FindingKind, Origin};

use super::spoken;
use crate::notes::Notes;

/// A kgateway `Backend`, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendView {
    /// Where its hosts are written.
    pub origin: Origin,
    /// What they speak.
    pub protocol: BackendProtocol,
    /// Its hosts.
    pub hosts: Vec<StaticHost>,
    /// Why it cannot be used, in words for whoever refers to it.
    pub problem: Option<(FindingKind, String)>,
}

/// Judges a `Backend`.
pub(crate) fn judge(backend: &Object<BackendSpec>, notes: &mut Notes) -> BackendView {
    let spec = &backend.spec;
    let mut view = BackendView {
        origin: backend.origin().at("spec.static"),
        protocol: BackendProtocol::Auto,
        hosts: Vec::new(),
        problem: None,
    };
    let others = [
        ("aws", spec.aws.is_some()),
        ("gcp", spec.gcp.is_some()),
        ("dynamicForwardProxy", spec.dynamic_forward_proxy.is_some()),
        ("priorityGroups", spec.priority_groups.is_some()),
    ];
    let other = others
        .iter()
        .find(|(_, present)| *present)
        .map(|(name, _)| *name);
    let problem = match (&spec.fixed, other) {
        (None, Some(other)) => Some((
            format!("spec.{other}"),
            FindingKind::InvalidBackend,
            format!("`{other}` is not supported yet, only `static` is"),
        )),
        (_, Some(other)) => Some((
            format!("spec.{other}"),
            FindingKind::InvalidBackend,
            format!("`{other}` and `static` do not go together"),
        )),
        (None, None) => Some((
            "spec".to_owned(),
            FindingKind::InvalidBackend,
            "it names no destination".to_owned(),
        )),
        (Some(fixed), None) if fixed.hosts.is_empty() => Some((
            "spec.static.hosts".to_owned(),
            FindingKind::InvalidBackend,
            "it has no hosts".to_owned(),
        )),
        (Some(fixed), None) => {
            view.hosts = fixed
                .hosts
                .iter()
                .map(|host| StaticHost {
                    host: host.host.clone(),
                    port: host.port,
                })
                .collect();
            let protocol = fixed.app_protocol.as_deref().unwrap_or_default();
            match spoken(protocol).filter(|spoken| !spoken.tls) {
                None => Some((
                    "spec.static.appProtocol".to_owned(),
                    FindingKind::UnsupportedBackendProtocol,
                    format!("`{protocol}` is not supported yet"),
                )),
                Some(spoken) => {
                    view.protocol = spoken.protocol;
                    bad_host(&view.hosts)
                }
            }
        }
    };
    let kind = spec.kind.as_deref();
    let problem = problem.or_else(|| {
        kind.filter(|kind| *kind != "Static").map(|kind| {
            (
                "spec.type".to_owned(),
                FindingKind::InvalidBackend,
                format!("the type `{kind}` does not fit `static`"),
            )
        })
    });
    if let Some((path, kind, text)) = problem {
        notes.error(&path, kind, text.clone());
        view.problem = Some((kind, text));
    }
    view
}

/// A host that is neither an address nor a name.
fn bad_host(hosts: &[StaticHost]) -> Option<(String, FindingKind, String)> {
    hosts.iter().enumerate().find_map(|(at, host)| {
        let good = host.host.parse::<std::net::IpAddr>().is_ok()
            || matches!(
                fg_model::HostPattern::parse(Some(host.host.trim_end_matches('.'))),
                Ok(fg_model::HostPattern::Exact(_))
            );
        (!good).then(|| {
            (
                format!("spec.static.hosts[{at}].host"),
                FindingKind::InvalidBackend,
                format!("`{}` is neither an IP address nor a DNS name", host.host),
            )
        })
    })
}
