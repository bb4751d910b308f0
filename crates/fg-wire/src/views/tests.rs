//! The law of views.
