//! What a Gateway needs in a cluster: Deployment, Service and what goes with them, as plain values; and the
//! manifests that install Ferrogate itself.
