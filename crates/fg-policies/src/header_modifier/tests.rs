//! Edges that the examples of the README do not show.
