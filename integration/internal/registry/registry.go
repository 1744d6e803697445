// Package registry starts real registries on loopback for the length of one test.
package registry

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Kind is a registry that can be started, with what a test must know of it beforehand.
type Kind struct {
	// Name is the name for subtests and tables.
	Name string
	// TagDelete says that DELETE of a tag removes the tag alone; without it the request is refused.
	TagDelete bool
	// Schema1 says that docker schema1 manifests are accepted, and made up for clients that accept nothing newer.
	Schema1 bool

	start func(t testing.TB, config []byte) string
	// serve is in place of start for registries that are not configured as distribution is.
	serve func(t testing.TB, setup Setup) string
}

// Kinds returns both lines of distribution, which can be set up in every way.
func Kinds() []Kind {
	return []Kind{Distribution2(), Distribution3()}
}

// Setup is how a registry is configured. The zero value is an open registry that deletes.
type Setup struct {
	// Root is the storage directory; empty means a new one. Two registries may share one, so that what was pushed
	// to the first is seen by a second with other settings.
	Root string
	// DeleteDisabled leaves out storage.delete.enabled, which is how a registry comes out of the box.
	DeleteDisabled bool
	// ReadOnly is the read-only maintenance mode.
	ReadOnly bool
	// Users turns on basic authentication: passwords by user name.
	Users map[string]string
	// Accounts turns on token authentication, against a service of its own that knows these accounts by user name.
	Accounts map[string]Account
	// Cache keeps what is known of blobs in memory, as the Debian package has it configured.
	Cache bool
	// Mirror makes the registry a pull-through cache of another one of its kind.
	Mirror bool
}

// Plain says that nothing but the storage sets this registry apart from one that lets everybody do everything.
func (s Setup) Plain() bool {
	return !s.DeleteDisabled && !s.ReadOnly && s.Users == nil && s.Accounts == nil && !s.Cache && !s.Mirror
}

// Server is a running registry.
type Server struct {
	Kind
	// URL is the address, for example http://127.0.0.1:5000.
	URL string
	// Tokens is the token service; nil without token authentication.
	Tokens *TokenService
	// Upstream is the address of the registry that is mirrored; empty without a mirror.
	Upstream string

	root string
}

// Host returns the address without its scheme.
func (s Server) Host() string { return strings.TrimPrefix(s.URL, "http://") }

// Start starts a registry and waits until it answers. It is stopped when the test ends.
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
		server.Tokens = startTokens(t, setup.Accounts)
	}
	if setup.Mirror {
		server.Upstream = k.Start(t, Setup{}).URL
	}
	server.URL = k.start(t, server.configuration(t, setup))
	awaitReady(t, server.URL)
	return server
}

// awaitReady asks the registry for its version until it gives one, or a demand for credentials.
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
			t.Fatalf("registry at %s does not answer: %v (last: %v)", url, ctx.Err(), last)
		}
	}
	t.Fatalf("registry at %s does not answer: %v", url, last)
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
