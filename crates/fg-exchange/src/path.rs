//! The canonical form of a path (filled in with the HTTP/1.1 codec).
