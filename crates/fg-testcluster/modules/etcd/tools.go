//go:build tools

// Package tools names the store of the test cluster, so that the module keeps what it needs.
package tools

import _ "go.etcd.io/etcd/server/v3"
