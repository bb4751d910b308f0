//! The writer against an API server in this process.
