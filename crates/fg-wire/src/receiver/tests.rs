//! What a proxy makes of what arrives.
