//go:build tools

// Package tools names the conformance suite and its echo server, so that the module keeps what they need.
package tools

import (
	_ "sigs.k8s.io/gateway-api-conformance-images/echo-basic"
	_ "sigs.k8s.io/gateway-api/conformance"
)
