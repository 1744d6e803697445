// Package integration proves regret against real registries on loopback. It has nothing but tests.
package integration
