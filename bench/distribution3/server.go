package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // named in config

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

const config = `
version: 0.1
storage:
  inmemory: {}
  delete:
    enabled: true
`

// A server runs one registry at a time and counts its requests. Each reset replaces the registry by
// a new, empty one.
type server struct {
	client registryClient

	mu     sync.Mutex
	app    *handlers.App
	tags   int
	counts registry.Counts
}

// reset replaces the registry by a new one with the tags that the settings ask for.
func (s *server) reset(ctx context.Context, settings registry.Settings) error {
	parsed, err := configuration.Parse(strings.NewReader(config))
	if err != nil {
		return err
	}
	app := handlers.NewApp(context.Background(), parsed)
	s.mu.Lock()
	old := s.app
	s.app, s.tags = app, settings.Tags
	s.mu.Unlock()
	if old != nil {
		if err := old.Shutdown(); err != nil {
			return err
		}
	}
	if err := s.client.push(ctx, settings.Tags); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = registry.Counts{}
	return nil
}

// serveCounted counts and serves one request of the measured client.
func (s *server) serveCounted(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.counts.Requests++
	switch {
	case r.Method == http.MethodDelete:
		s.counts.Deletes++
	case strings.HasSuffix(r.URL.Path, "/tags/list"):
		s.counts.Lists++
	case strings.Contains(r.URL.Path, "/manifests/"):
		s.counts.Reads++
	}
	s.mu.Unlock()
	s.serveUncounted(w, r)
}

func (s *server) serveUncounted(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	app := s.app
	s.mu.Unlock()
	app.ServeHTTP(w, r)
}

func (s *server) connState(_ net.Conn, state http.ConnState) {
	if state != http.StateNew {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Connections++
}

// control returns the handler of the control endpoint of [registry.Address]. It counts deleted
// manifests by looking up each one.
func (s *server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, r *http.Request) {
		var settings registry.Settings
		err := json.NewDecoder(r.Body).Decode(&settings)
		if err == nil {
			err = s.reset(r.Context(), settings)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		counts, tags := s.counts, s.tags
		s.mu.Unlock()
		deleted, err := s.client.countDeleted(r.Context(), tags)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		counts.Deleted = int64(deleted)
		json.NewEncoder(w).Encode(counts)
	})
	return mux
}
