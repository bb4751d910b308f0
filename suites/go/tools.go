//go:build tools

// Package tools names the programs of other modules that the suites build, so that go.mod keeps their versions.
package tools

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
