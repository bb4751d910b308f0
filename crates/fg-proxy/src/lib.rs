//! The native data plane: workers that serve HTTP as the IR says.
//!
//! A [`Proxy`] is given changes of the IR ([`Proxy::apply`]), compiles them on the caller's thread
//! and publishes a new generation; requests under way finish on the one they began with.
//! Connections are never closed by a change, but idle ones of a removed listener.

mod bind;
mod dns;
mod generation;
mod proxy;
mod serve;
mod settings;
mod shared;
mod tls;
mod worker;

pub use fg_http::Limits;
pub use proxy::{Ack, Connections, Proxy};
pub use serve::trust;
pub use settings::Settings;
