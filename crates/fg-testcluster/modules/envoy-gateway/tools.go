//go:build tools

// Package tools names the control plane that ours is compared with, so that the module keeps what it needs.
package tools

import (
	_ "github.com/envoyproxy/gateway/cmd/envoy-gateway"
)
