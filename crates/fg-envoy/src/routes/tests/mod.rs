//! Cases by hand, and the laws: the same rule as the router, and the same bytes as from scratch.

mod actions;
mod evaluate;
mod generate;
mod hosts;
mod laws;
mod matches;
mod preflights;
mod size;
mod world;
