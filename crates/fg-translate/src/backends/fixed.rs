//! kgateway's `Backend`: only fixed hosts are supported so far.

use fg_api::Object;
use fg_api::backend::BackendSpec;
use fg_ir::{BackendProtocol, StaticHost};
use fg_model::{FindingKind, HostPattern, Origin, ascii_host};

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
        let host = view.hosts.iter().map(|host| &*host.host);
        let hint = match &*path {
            "spec.static.appProtocol" => Some("leave it out for HTTP/1.1".to_owned()),
            "spec.type" => Some("write `type: Static`".to_owned()),
            host_of if host_of.ends_with(".host") => {
                host.filter(|host| !is_host(host)).map(other_host).next()
            }
            _ => Some("write `static` with `hosts`, and nothing else".to_owned()),
        };
        notes.error(&path, kind, text.clone()).hint_if(hint);
        view.problem = Some((kind, text));
    }
    view
}

/// Whether it is an address or a name.
fn is_host(host: &str) -> bool {
    let name = HostPattern::parse(Some(host.trim_end_matches('.')));
    host.parse::<std::net::IpAddr>().is_ok() || matches!(name, Ok(HostPattern::Exact(_)))
}

/// What to write instead of a host that is none.
fn other_host(host: &str) -> String {
    if !host.is_ascii()
        && let Ok(ascii) = ascii_host(host)
    {
        return format!("write it in ASCII: `{ascii}`");
    }
    match host.rsplit_once(':') {
        _ if host.contains("://") => "write the name alone, without scheme and path".to_owned(),
        Some((name, port)) if port.parse::<u16>().is_ok() => {
            format!("write `host: {name}` and `port: {port}`")
        }
        _ => "write an IP address, or a name of letters, digits, `-` and `.`".to_owned(),
    }
}

/// A host that is neither an address nor a name.
fn bad_host(hosts: &[StaticHost]) -> Option<(String, FindingKind, String)> {
    hosts.iter().enumerate().find_map(|(at, host)| {
        (!is_host(&host.host)).then(|| {
            (
                format!("spec.static.hosts[{at}].host"),
                FindingKind::InvalidBackend,
                format!("`{}` is neither an IP address nor a DNS name", host.host),
            )
        })
    })
}
