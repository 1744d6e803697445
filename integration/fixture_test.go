package integration_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

const repository = "derek/busybox"

// fixture is a registry with two ways to access it: through regret and directly.
type fixture struct {
	registry.Server
	// repo accesses the same storage without regret and without the registry's restrictions. Tests use
	// it to push images and to check the outcome.
	repo wire.Repository
	// recorder is the transport of the clients.
	recorder *wire.Recorder
}

// forEachRegistry runs a test against every kind of registry.
func forEachRegistry(t *testing.T, setup registry.Setup, test func(t *testing.T, f *fixture)) {
	t.Helper()
	for _, kind := range registry.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			test(t, newFixture(t, kind, setup))
		})
	}
}

func newFixture(t *testing.T, kind registry.Kind, setup registry.Setup) *fixture {
	t.Helper()
	setup.Root = t.TempDir()
	f := &fixture{Server: kind.Start(t, setup), recorder: wire.NewRecorder(t)}
	f.repo = wire.Repository{URL: f.URL, Name: repository}
	switch {
	case setup.Mirror:
		f.repo.URL = f.Upstream
	case !setup.Plain():
		f.repo.URL = kind.Start(t, registry.Setup{Root: setup.Root}).URL
	}
	return f
}

// client returns a new client of the registry.
func (f *fixture) client(t *testing.T, options ...regret.Option) *regret.Client {
	t.Helper()
	options = append([]regret.Option{regret.WithTransport(f.recorder)}, options...)
	client, err := regret.New(f.Host(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// wantSent compares the requests sent since the last check.
func (f *fixture) wantSent(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.recorder.Sent()); diff != "" {
		t.Errorf("requests sent (-want +got):\n%s", diff)
	}
}

// wantWrites compares the requests sent since the last check, except GET and HEAD.
func (f *fixture) wantWrites(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.recorder.Writes()); diff != "" {
		t.Errorf("writes sent (-want +got):\n%s", diff)
	}
}

// wantExists checks directly whether tags and digests exist.
func (f *fixture) wantExists(t *testing.T, exists bool, references ...string) {
	t.Helper()
	for _, reference := range references {
		if got := f.repo.HasManifest(t, reference); got != exists {
			t.Errorf("%s exists: %t, want %t", reference, got, exists)
		}
	}
}

// manifestRequest returns a request for a manifest in the format of the recorder.
func manifestRequest(method, reference, outcome string) string {
	return method + " /v2/" + repository + "/manifests/" + reference + " " + outcome
}
