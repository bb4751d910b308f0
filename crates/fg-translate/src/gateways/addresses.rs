//! `spec.addresses`: what to bind, or what to ask a Service for.

use std::net::IpAddr;

use fg_api::gateway::GatewayAddress;
use fg_model::FindingKind;

use crate::notes::Notes;

/// The addresses to bind, sorted; empty means all. `None` when none of those asked for can be
/// used, or one is of a type that is not supported: then the Gateway does not serve.
pub(super) fn addresses(asked: &[GatewayAddress], notes: &mut Notes) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    let mut any = asked.is_empty();
    let mut supported = true;
    for (at, address) in asked.iter().enumerate() {
        let path = format!("spec.addresses[{at}]");
        let kind = address.kind.as_deref().unwrap_or("IPAddress");
        if kind != "IPAddress" {
            notes
                .error(
                    &format!("{path}.type"),
                    FindingKind::UnsupportedAddress,
                    format!("addresses of type `{kind}` are not supported"),
                )
                .hint("use an address of type `IPAddress`");
            supported = false;
        } else if let Some(routability) = &address.routability {
            notes.error(
                &format!("{path}.routability"),
                FindingKind::UnsupportedAddress,
                format!("the routability `{routability}` is not supported"),
            );
            supported = false;
        } else {
            match address.value.as_deref().filter(|value| !value.is_empty()) {
                None => any = true,
                Some(value) => match value.parse() {
                    Ok(address) => found.push(address),
                    Err(_) => {
                        notes.error(
                            &format!("{path}.value"),
                            FindingKind::AddressNotUsable,
                            format!("`{value}` is no IP address"),
                        );
                    }
                },
            }
        }
    }
    if !supported {
        return None;
    }
    if any {
        return Some(Vec::new());
    }
    found.sort();
    found.dedup();
    (!found.is_empty()).then_some(found)
}

/// The addresses that the Gateway's Service is asked to have, sorted; empty means any. Whether it
/// has them is seen there. `None` when one is of a type that is not supported.
pub(super) fn requested(asked: &[GatewayAddress], notes: &mut Notes) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    let mut supported = true;
    for (at, address) in asked.iter().enumerate() {
        let path = format!("spec.addresses[{at}]");
        if let Some(routability) = &address.routability {
            notes.error(
                &format!("{path}.routability"),
                FindingKind::UnsupportedAddress,
                format!("the routability `{routability}` is not supported"),
            );
            supported = false;
            continue;
        }
        match address.kind.as_deref().unwrap_or("IPAddress") {
            "IPAddress" => {
                let value = address.value.as_deref().filter(|value| !value.is_empty());
                match value.map(str::parse) {
                    None => {}
                    Some(Ok(address)) => found.push(address),
                    Some(Err(_)) => {
                        notes.error(
                            &format!("{path}.value"),
                            FindingKind::AddressNotUsable,
                            format!("`{}` is no IP address", value.unwrap_or_default()),
                        );
                    }
                }
            }
            "Hostname" => {
                notes
                    .error(
                        &path,
                        FindingKind::AddressNotUsable,
                        "a Service cannot be asked for a hostname",
                    )
                    .hint("ask for an address of type `IPAddress`, or for none");
            }
            other => {
                notes
                    .error(
                        &format!("{path}.type"),
                        FindingKind::UnsupportedAddress,
                        format!("addresses of type `{other}` are not supported"),
                    )
                    .hint("use an address of type `IPAddress`");
                supported = false;
            }
        }
    }
    found.sort();
    found.dedup();
    supported.then_some(found)
}
