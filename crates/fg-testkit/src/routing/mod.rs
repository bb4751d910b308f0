//! Configurations and requests of tests of routing: by hand in a few words ([`build`]), and random
//! ones ([`generate`]) out of so few words that they meet often.

pub mod build;
pub mod generate;
mod plain;

pub use plain::Plain;
