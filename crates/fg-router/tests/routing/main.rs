//! The compiled router against cases by hand and against a slow, obviously right matcher.

mod cases;
mod generate;
mod properties;
mod reference;
