package integration_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

const repository = "derek/busybox"

// stage is what a story is played on: a registry, and two ways to it.
type stage struct {
	registry.Server
	// repo goes to the same storage without regret and without the registry's restrictions: it prepares what a
	// story needs, and is the witness of what came of it.
	repo wire.Repository
	// sent is the network under the clients.
	sent *wire.Recorder
}

// each plays a story once on every kind of registry.
func each(t *testing.T, setup registry.Setup, story func(t *testing.T, s *stage)) {
	t.Helper()
	for _, kind := range registry.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			story(t, newStage(t, kind, setup))
		})
	}
}

func newStage(t *testing.T, kind registry.Kind, setup registry.Setup) *stage {
	t.Helper()
	setup.Root = t.TempDir()
	s := &stage{Server: kind.Start(t, setup), sent: wire.NewRecorder(t)}
	s.repo = wire.Repository{URL: s.URL, Name: repository}
	switch {
	case setup.Mirror:
		s.repo.URL = s.Upstream
	case !setup.Plain():
		s.repo.URL = kind.Start(t, registry.Setup{Root: setup.Root}).URL
	}
	return s
}

// client returns a new client of the registry.
func (s *stage) client(t *testing.T, options ...regret.Option) *regret.Client {
	t.Helper()
	options = append([]regret.Option{regret.WithTransport(s.sent)}, options...)
	client, err := regret.New(s.Host(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// wantSent compares what was sent since the last look.
func (s *stage) wantSent(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.sent.Sent()); diff != "" {
		t.Errorf("other requests were sent (-want +got):\n%s", diff)
	}
}

// wantWrites compares what was sent since the last look, apart from reads.
func (s *stage) wantWrites(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.sent.Writes()); diff != "" {
		t.Errorf("other writes were sent (-want +got):\n%s", diff)
	}
}

// wantThere has the witness look at tags and digests.
func (s *stage) wantThere(t *testing.T, there bool, references ...string) {
	t.Helper()
	for _, reference := range references {
		if got := s.repo.HasManifest(t, reference); got != there {
			t.Errorf("%s is there: %t, want %t", reference, got, there)
		}
	}
}

// line is a request for a manifest as the recorder notes it.
func line(method, reference, outcome string) string {
	return method + " /v2/" + repository + "/manifests/" + reference + " " + outcome
}
