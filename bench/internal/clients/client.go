// Package clients implements the work of the benchmarks with each client library: once as its
// documentation recommends, and once tuned as well as its API allows. There is one file per
// library, and all of them do the same work.
package clients

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A Client does the measured work. It is safe for as many concurrent callers as its [Setup] names.
type Client interface {
	// ResolveDelete resolves a tag to its digest and deletes that digest.
	ResolveDelete(ctx context.Context, repository, tag string) error
	// List reads all tags and returns how many there are.
	List(ctx context.Context, repository string) (int, error)
	// Close releases the client's resources.
	Close() error
}

// Setup configures a client. It does not name a certificate authority: clients trust the server's
// certificate through SSL_CERT_FILE, so that they keep their default TLS configuration.
type Setup struct {
	Host     string // 127.0.0.1:port
	Protocol registry.Protocol
	Callers  int
	Bearer   bool // the token service requires registry.User and registry.Password
}

func (s Setup) plainHTTP() bool { return s.Protocol == registry.HTTP }

func (s Setup) url() string {
	if s.plainHTTP() {
		return "http://" + s.Host
	}
	return "https://" + s.Host
}

// A Row is one line of the tables.
type Row struct {
	Name   string
	Module string // the module whose version the report shows; empty for the standard library
	Tuned  bool
	Open   func(Setup) (Client, error)
}

// Floor is the name of the row that all others are compared with: bare net/http. Ours is the name
// of the row of this library.
const (
	Floor = "net/http"
	Ours  = "regret"
)

// Rows returns all rows. The first is [Floor].
func Rows() []Row {
	return []Row{
		{Floor, "", false, openNetHTTP},
		{Ours, "github.com/seed-8cb7cc86/regret", false, openRegret},
		{"go-containerregistry", ggcrModule, false, openCrane},
		{"go-containerregistry, tuned", ggcrModule, true, openRemote},
		{"oras-go", orasModule, false, openORAS},
		{"oras-go, tuned", orasModule, true, openORASTuned},
		{"regclient", regclientModule, false, openRegclient},
		{"regclient, tuned", regclientModule, true, openRegclientTuned},
		{"containers/image", podmanModule, false, openPodman},
		{"containers/image, tuned", podmanModule, true, openPodmanTuned},
		{"ociregistry", ociModule, false, openOCI},
		{"ociregistry, tuned", ociModule, true, openOCITuned},
	}
}

// Named returns the row with this name.
func Named(name string) (Row, bool) {
	rows := Rows()
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, false
	}
	return rows[i], true
}

// newPool returns the transport of the [Floor] row and of every tuned row that accepts a transport.
// It opens, and keeps idle, at most one connection per caller, or a single one over HTTP/2, where
// the callers share it.
func newPool(s Setup) *http.Transport {
	connections := s.Callers
	if s.Protocol == registry.H2 {
		connections = 1
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}
}
