//! What installs Ferrogate itself.
