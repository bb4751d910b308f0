//! Values of flags.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use fg_base::Secret;
use fg_policies::timeouts::parse_duration;
use ipnet::IpNet;

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    /// Whether it is on.
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

/// A time, as Gateway API writes it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| {
        "a duration is numbers with units out of h, m, s, ms, such as 30s, 1m30s or 500ms"
            .to_owned()
    })
}

/// Bytes that are enough to make keys from.
pub(super) fn session_secret(path: &str) -> Result<Secret<Vec<u8>>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    if bytes.len() < 16 {
        return Err("a secret has at least 16 bytes".to_owned());
    }
    Ok(Secret::new(bytes))
}

/// An address of this machine alone.
pub(super) fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "not `IP:PORT`".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(
            "the admin pages are for this machine only; use an address of 127.0.0.0/8 or [::1]"
                .to_owned(),
        )
    }
}

/// A network, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().ok().map(|address: IpAddr| address.into());
    text.parse().ok().or_else(address).ok_or_else(|| {
        "neither an address nor a network, such as 10.1.2.3, 10.0.0.0/8 or fd00::/8".to_owned()
    })
}

/// A listener's port and the one that is bound for it.
pub(super) fn port_pair(text: &str) -> Result<(u16, u16), String> {
    let pair = text
        .split_once('=')
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match pair {
        Some((from, to)) if from > 0 && to > 0 => Ok((from, to)),
        _ => Err("two ports, such as 80=8080".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        for (text, network_of) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("fd00::1", "fd00::1/128"),
        ] {
            let found = network(text).map(|network| network.to_string());
            assert_eq!(found.as_deref(), Ok(network_of));
        }
        for bad in ["10.0.0.0/33", "localhost", "", "10.0.0.1:80"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_are_mapped_in_pairs() {
        assert_eq!(port_pair("80=8080"), Ok((80, 8080)));
        for bad in ["80", "80=", "=80", "0=80", "80=70000"] {
            assert!(port_pair(bad).is_err(), "{bad}");
        }
    }
}
