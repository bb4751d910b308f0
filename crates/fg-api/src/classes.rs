//! The controllers of this gateway, and the GatewayClasses that exist without being written down.
//!
//! Source: architecture decision 2.

/// What the names of all our controllers begin with.
pub const OURS: &str = "ferrogate.dev/";

/// The controller of Gateways that our own proxy serves.
pub const GATEWAY: &str = "ferrogate.dev/gateway";
/// The controller of Gateways that Envoy serves.
pub const ENVOY: &str = "ferrogate.dev/envoy";
/// The controller of waypoints of a mesh.
pub const WAYPOINT: &str = "ferrogate.dev/waypoint";

/// The classes that exist unless one of that name is written: name and controller.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("ferrogate", GATEWAY),
    ("ferrogate-envoy", ENVOY),
    ("ferrogate-waypoint", WAYPOINT),
];
