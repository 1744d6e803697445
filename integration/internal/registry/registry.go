// Package registry starts real registries on loopback and stops them at the end of the test.
package registry

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Kind is a kind of registry, with the differences that tests depend on.
type Kind struct {
	// Name is the name of the registry in subtests and tables.
	Name string
	// TagDelete reports whether DELETE of a tag removes only the tag. Otherwise the registry refuses it.
	TagDelete bool
	// Schema1 reports whether the registry accepts Docker schema1 manifests, and converts newer ones to
	// schema1 for clients that do not accept anything else.
	Schema1 bool

	start func(t testing.TB, config []byte) string
	// serve replaces start for registries that do not use distribution's configuration format.
	serve func(t testing.TB, setup Setup) string
}

// Kinds returns both versions of distribution. They support every [Setup].
func Kinds() []Kind {
	return []Kind{Distribution2(), Distribution3()}
}

// Setup configures a registry. The zero value is a registry without authentication that allows deletion.
type Setup struct {
	// Root is the storage directory; empty means a new one. Two registries with different settings can
	// share it: one to push to, and one to test.
	Root string
	// DeleteDisabled sets storage.delete.enabled to false, which is the default of distribution.
	DeleteDisabled bool
	// ReadOnly turns on the read-only maintenance mode.
	ReadOnly bool
	// Users turns on Basic authentication. It maps user names to passwords.
	Users map[string]string
	// Accounts turns on token authentication, with a token service that has these accounts, by user name.
	Accounts map[string]Account
	// Cache turns on the in-memory cache of blob descriptors, as in the Debian package's configuration.
	Cache bool
	// Mirror makes the registry a pull-through cache of another registry of the same kind.
	Mirror bool
}

// Plain reports whether the setup is the zero value except for Root, so that everything is allowed.
func (s Setup) Plain() bool {
	return !s.DeleteDisabled && !s.ReadOnly && s.Users == nil && s.Accounts == nil && !s.Cache && !s.Mirror
}

// Server is a running registry.
type Server struct {
	Kind
	// URL is the address, for example http://127.0.0.1:5000.
	URL string
	// Tokens is the token service, or nil without token authentication.
	Tokens *TokenService
	// Upstream is the address of the mirrored registry, or empty if the registry is not a mirror.
	Upstream string

	root string
}

// Host returns the address without its scheme.
func (s Server) Host() string { return strings.TrimPrefix(s.URL, "http://") }

// Start starts a registry and waits until it responds. The registry stops when the test ends.
func (k Kind) Start(t testing.TB, setup Setup) Server {
	t.Helper()
	if setup.Root == "" {
		setup.Root = t.TempDir()
	}
	server := Server{Kind: k, root: setup.Root}
	if k.serve != nil {
		server.URL = k.serve(t, setup)
		awaitReady(t, server.URL)
		return server
	}
	if setup.Accounts != nil {
		server.Tokens = startTokenService(t, setup.Accounts)
	}
	if setup.Mirror {
		server.Upstream = k.Start(t, Setup{}).URL
	}
	server.URL = k.start(t, server.configuration(t, setup))
	awaitReady(t, server.URL)
	return server
}

// awaitReady sends GET /v2/ until the registry responds with 200 or 401.
func awaitReady(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()

	var last error
	for range 200 {
		status, err := ping(ctx, url)
		if err == nil && (status == http.StatusOK || status == http.StatusUnauthorized) {
			return
		}
		last = err
		select {
		case <-pause.C:
		case <-ctx.Done():
			t.Fatalf("registry at %s does not respond: %v (last error: %v)", url, ctx.Err(), last)
		}
	}
	t.Fatalf("registry at %s does not respond: %v", url, last)
}

func ping(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v2/", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
