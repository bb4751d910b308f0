//! The IR as versioned resources of the discovery protocol: encoding, decoding, and which Gateway gets
//! which.
