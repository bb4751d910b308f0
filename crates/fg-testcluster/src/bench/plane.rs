//! Whose control plane and proxy are measured: what their processes are called, and where they say what.

use super::objects::HOME;

/// A control plane with its proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Plane {
    /// Ours with our own proxy.
    #[default]
    Native,
    /// Ours with Envoy.
    Envoy,
    /// Envoy Gateway, with the same Envoy.
    EnvoyGateway,
}

/// A process, as its command line names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program {
    /// The file's name.
    pub(super) name: &'static str,
    /// The first argument, if it matters.
    pub(super) verb: Option<&'static str>,
}

/// A page of metrics: port and path.
pub(super) type Place = (u16, &'static str);

impl Plane {
    /// The GatewayClass.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Native => "ferrogate",
            Self::Envoy => "ferrogate-envoy",
            Self::EnvoyGateway => "envoy-gateway",
        }
    }

    /// Whether the control plane is ours, with metrics that say what it did.
    pub(super) fn is_ours(self) -> bool {
        self != Self::EnvoyGateway
    }

    /// The process of the control plane.
    pub(super) fn control(self) -> Program {
        let (name, verb) = match self {
            Self::Native | Self::Envoy => ("ferrogate", "control"),
            Self::EnvoyGateway => ("envoy-gateway", "server"),
        };
        Program {
            name,
            verb: Some(verb),
        }
    }

    /// The process of the proxy.
    pub(super) fn proxy(self) -> Program {
        match self {
            Self::Native => Program {
                name: "ferrogate",
                verb: Some("proxy"),
            },
            Self::Envoy | Self::EnvoyGateway => Program {
                name: "envoy",
                verb: None,
            },
        }
    }

    /// Where the control plane's pod is: namespace, and what its name begins with.
    pub(super) fn control_pod(self) -> (&'static str, &'static str) {
        match self {
            Self::Native | Self::Envoy => ("ferrogate-system", "ferrogate-"),
            Self::EnvoyGateway => (super::peer::HOME, "envoy-gateway-"),
        }
    }

    /// Where the proxy's pod is: namespace, and what its name begins with.
    pub(super) fn proxy_pod(self) -> (&'static str, &'static str) {
        match self {
            Self::Native | Self::Envoy => (HOME, "edge-"),
            Self::EnvoyGateway => (super::peer::HOME, "envoy-bench-edge-"),
        }
    }

    /// The control plane's metrics.
    pub(super) fn metrics(self) -> Place {
        match self {
            Self::Native | Self::Envoy => (9092, "/metrics"),
            Self::EnvoyGateway => (19001, "/metrics"),
        }
    }

    /// The proxy's metrics.
    pub(super) fn proxy_metrics(self) -> Place {
        match self {
            Self::Native | Self::Envoy => (9091, "/metrics"),
            Self::EnvoyGateway => (19001, "/stats/prometheus"),
        }
    }

    /// Where the control plane says whether it is ready.
    pub(super) fn readiness(self) -> Place {
        match self {
            Self::Native | Self::Envoy => (9093, "/readyz"),
            Self::EnvoyGateway => (8081, "/readyz"),
        }
    }

    /// The port that proxies get their configuration from.
    pub(super) fn discovery(self) -> u16 {
        match self {
            Self::Native | Self::Envoy => 9977,
            Self::EnvoyGateway => 18000,
        }
    }

    /// CPU time that a control plane at rest takes at most in a second. Units: milliseconds.
    pub(super) fn rest(self) -> u64 {
        if self.is_ours() { 30 } else { 60 }
    }

    /// How much longer than ours it may take to do anything.
    pub(super) fn slowness(self) -> u32 {
        if self.is_ours() { 1 } else { 6 }
    }

    /// The scenarios that are measured unless others are asked for.
    pub(super) fn scenarios(self) -> &'static [&'static str] {
        if self.is_ours() {
            &super::SCENARIOS
        } else {
            &["idle", "few", "traffic", "adding", "memory", "edit"]
        }
    }
}
