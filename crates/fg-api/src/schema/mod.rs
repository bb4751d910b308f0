//! Schema, defaults, strict fields and the rules that an API server would hold an object to.
