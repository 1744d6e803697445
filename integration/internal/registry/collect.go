package registry

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
)

// CollectGarbage runs the registry's own garbage collection in the storage of a server, while no
// client uses it. The server may not notice; start another one in the same Root to look at the result. With
// untagged, it also collects manifests without a tag. olareg spares content that is younger than grace;
// the others have no such time.
func (s Server) CollectGarbage(t testing.TB, untagged bool, grace time.Duration, repositories ...string) error {
	t.Helper()
	switch s.Name {
	case Distribution2().Name:
		return s.collectDistribution2(t, untagged)
	case Distribution3().Name:
		driver := filesystem.New(filesystem.DriverParameters{RootDirectory: s.root, MaxThreads: 10})
		namespace, err := storage.NewRegistry(t.Context(), driver)
		if err != nil {
			t.Fatal(err)
		}
		return storage.MarkAndSweep(t.Context(), driver, namespace, storage.GCOpts{RemoveUntagged: untagged, Quiet: true})
	case Olareg().Name:
		return s.collectOlareg(t, untagged, grace, repositories)
	}
	t.Fatalf("%s cannot collect garbage here", s.Name)
	return nil
}

func (s Server) collectDistribution2(t testing.TB, untagged bool) error {
	t.Helper()
	args := []string{"garbage-collect"}
	if untagged {
		args = append(args, "--delete-untagged")
	}
	cmd := exec.CommandContext(t.Context(), findDistribution2(t), append(args, writeFile(t, "config.yml", s.configuration(t, Setup{Root: s.root})))...)
	cmd.Env = []string{} // REGISTRY_* variables would override the configuration file
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		last := bytes.TrimSpace(output.Bytes())
		return fmt.Errorf("%w: %s", err, last[bytes.LastIndexByte(last, '\n')+1:])
	}
	return nil
}

// collectOlareg uses that olareg collects garbage when it is closed, in the repositories that it has
// loaded.
func (s Server) collectOlareg(t testing.TB, untagged bool, grace time.Duration, repositories []string) error {
	t.Helper()
	if grace == 0 {
		grace = -1
	}
	server := olareg.New(config.Config{
		Storage: config.ConfigStorage{StoreType: config.StoreDir, RootDir: s.root,
			GC: config.ConfigGC{Frequency: -1, GracePeriod: grace, Untagged: &untagged}},
		Log: slog.New(slog.DiscardHandler),
	})
	listener := httptest.NewServer(server)
	for _, repository := range repositories {
		resp, err := listener.Client().Get(listener.URL + "/v2/" + repository + "/tags/list")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("load %s: %d, %v", repository, resp.StatusCode, err)
		}
	}
	listener.Close()
	return server.Close()
}
