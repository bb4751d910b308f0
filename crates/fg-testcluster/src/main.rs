//! A real Kubernetes API server for tests, and a node that runs pods as local processes. Ships nothing.

fn main() {}
