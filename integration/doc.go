// Package integration tests regret against real registries on loopback. It contains only tests.
package integration
