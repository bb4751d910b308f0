//! Real Envoys, of the oldest and the newest version that is served, take what is made for them and
//! do what our own proxy does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod answers;
mod authorization;
mod backends;
mod ground;
mod requests;
mod routes;
mod secure;
mod updates;
