// Package clients holds the rows of the benchmarks: for each library the code
// that its documentation recommends, and the same tuned as well as its API
// allows. One file per library, one behaviour for all of them.
package clients

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A Client does the work that is measured, for as many callers at a time as its
// [Setup] names.
type Client interface {
	// ResolveDelete asks which digest a tag stands for and deletes that digest.
	ResolveDelete(ctx context.Context, repository, tag string) error
	// List reads all tags and says how many there are.
	List(ctx context.Context, repository string) (int, error)
	// Close lets go of what the client holds.
	Close() error
}

// Setup is what a client is told. The authority of TLS certificates is the
// system's business (SSL_CERT_FILE), so that defaults stay defaults.
type Setup struct {
	Host     string // 127.0.0.1:port
	Protocol registry.Protocol
	Callers  int
	Bearer   bool // registry.User and registry.Password are wanted for a token
}

func (s Setup) plain() bool { return s.Protocol == registry.HTTP }

func (s Setup) url() string {
	if s.plain() {
		return "http://" + s.Host
	}
	return "https://" + s.Host
}

// A Row is one line of the tables.
type Row struct {
	Name   string
	Module string // whose version is shown; empty for the standard library
	Tuned  bool
	Open   func(Setup) (Client, error)
}

// Floor is the name of the row that all others are held against, and Ours that
// of this library.
const (
	Floor = "net/http"
	Ours  = "regret"
)

// Rows are all of them, the floor first.
func Rows() []Row {
	return []Row{
		{Floor, "", false, openFloor},
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

// Named finds a row.
func Named(name string) (Row, bool) {
	rows := Rows()
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, false
	}
	return rows[i], true
}

// pool is the transport of the floor and of every tuned row that takes one: an
// idle connection for each caller and no more connections than callers, which
// is one where they share it.
func pool(s Setup) *http.Transport {
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
