//! What only tests use: objects written as YAML.

#![expect(
    clippy::panic,
    reason = "a fixture that cannot be read fails its test, here"
)]

pub mod objects;
