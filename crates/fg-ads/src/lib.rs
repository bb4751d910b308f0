//! The delta discovery protocol (`envoy.service.discovery.v3`), server and client, generic over what is
//! served.
