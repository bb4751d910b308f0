//! What the proxies of a cluster and the Services before them say: the input of a status there.
//!
//! Who counts proxies and watches Services is not here; this is only what they found, for one
//! object.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fg_base::Text;
use fg_ir::{GatewayKey, ListenerKey};

/// The condition that says on a route's parent whether the proxies of that Gateway serve it.
pub const ROUTE_PROGRAMMED: &str = "ferrogate.dev/Programmed";

/// The condition types that are ours. Those of other types belong to somebody else, also inside
/// entries that we write.
pub const OWN_CONDITIONS: &[&str] = &[
    "Accepted",
    "Conflicted",
    "InsecureFrontendValidationMode",
    "OverlappingTLSConfig",
    "PartiallyInvalid",
    "Programmed",
    "ResolvedRefs",
    "SupportedVersion",
    ROUTE_PROGRAMMED,
];

/// Whether the proxies of one Gateway serve an object in the generation that was translated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Confirmation {
    /// Too early to say: whatever the status said before stays.
    #[default]
    Undecided,
    /// Every ready proxy serves it.
    Confirmed {
        /// How many those are; never 0.
        proxies: u32,
    },
    /// Not every ready proxy serves it, or none is ready.
    Pending {
        /// Words that name what is waited for.
        words: String,
    },
    /// A proxy refused it.
    Rejected {
        /// Words that name proxy, resource and reason.
        words: String,
    },
}

/// All that a status in a cluster needs besides the report, for one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// For each Gateway that has to serve the object; [`Confirmation::Undecided`] if missing.
    pub confirmations: BTreeMap<GatewayKey, Confirmation>,
    /// Of a route: the Gateway behind each parent of its report, in the same order; `None` where
    /// it is not known.
    pub parents: Vec<Option<GatewayKey>>,
    /// Of a Gateway or `ListenerSet`: listeners that a proxy refused, in words that name proxy
    /// and reason.
    pub refused: BTreeMap<ListenerKey, String>,
    /// Of a Gateway: where it can be reached.
    pub addresses: Addresses,
    /// Of a Gateway: what its proxies refuse although it serves, in words.
    pub remark: Option<String>,
}

impl Verdicts {
    /// The word on one Gateway.
    pub(crate) fn on(&self, gateway: &GatewayKey) -> Confirmation {
        self.confirmations.get(gateway).cloned().unwrap_or_default()
    }
}

/// Where a Gateway can be reached from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// What it has; may be empty.
    pub have: Vec<Address>,
    /// Why that is not enough; `None` when it is.
    pub lack: Option<Lack>,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// `IPAddress`.
    Ip(IpAddr),
    /// `Hostname`.
    Hostname(Text),
}

/// Why a Gateway's addresses are not enough, each with words for its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It has none yet: `AddressNotAssigned`.
    NotAssigned(String),
    /// It asked for one that it was not given: `AddressNotUsable`.
    NotUsable(String),
}

/// What matters of a Gateway's Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAddresses {
    /// Whether it is of type `LoadBalancer`.
    pub load_balancer: bool,
    /// `spec.clusterIPs`; `None` of a headless Service is left out or ignored.
    pub cluster_ips: Vec<Text>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<Text>,
    /// `ip` or `hostname` of each entry of `status.loadBalancer.ingress`.
    pub ingress: Vec<Text>,
}

impl Addresses {
    /// The addresses of a Gateway whose proxies are somebody else's: those that it says.
    pub fn given(asked: &[IpAddr]) -> Self {
        Self {
            have: asked.iter().map(|ip| Address::Ip(*ip)).collect(),
            lack: None,
        }
    }

    /// The addresses of a Gateway by its Service, `None` while there is no Service.
    ///
    /// A load balancer's addresses are those that it was given, any other Service's are its
    /// cluster IPs; external IPs count for both. `asked` are those of `spec.addresses`: who asks
    /// for some gets no others.
    pub fn of(service: Option<&ServiceAddresses>, asked: &[IpAddr]) -> Self {
        let Some(service) = service else {
            let words = "its Service does not exist yet".to_owned();
            return Self {
                have: Vec::new(),
                lack: Some(Lack::NotAssigned(words)),
            };
        };
        let given = if service.load_balancer {
            &service.ingress
        } else {
            &service.cluster_ips
        };
        let mut have: Vec<Address> = Vec::new();
        let given = given.iter().filter(|text| &***text != "None");
        for text in given.chain(&service.external_ips) {
            let address = address(text);
            if !have.contains(&address) {
                have.push(address);
            }
        }
        if asked.is_empty() {
            let lack = have.is_empty().then(|| {
                Lack::NotAssigned(if service.load_balancer {
                    "its Service was given no address yet".to_owned()
                } else {
                    "its Service has no address".to_owned()
                })
            });
            return Self { have, lack };
        }
        let missing: Vec<String> = asked
            .iter()
            .filter(|ip| !have.contains(&Address::Ip(**ip)))
            .map(IpAddr::to_string)
            .collect();
        let lack = (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            Lack::NotUsable(format!("its Service was not given {missing}"))
        });
        have.retain(|address| matches!(address, Address::Ip(ip) if asked.contains(ip)));
        Self { have, lack }
    }
}

fn address(text: &Text) -> Address {
    match text.parse() {
        Ok(ip) => Address::Ip(ip),
        Err(_) => Address::Hostname(text.clone()),
    }
}
