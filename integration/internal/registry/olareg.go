package registry

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
)

// Olareg returns olareg. It runs in this process. It ignores the Users, Accounts, Cache and Mirror of a
// [Setup].
func Olareg() Kind {
	return Kind{Name: "olareg", TagDelete: true, serve: startOlareg}
}

func startOlareg(t testing.TB, setup Setup) string {
	t.Helper()
	deletes := !setup.DeleteDisabled
	server := olareg.New(config.Config{
		Storage: config.ConfigStorage{StoreType: config.StoreDir, RootDir: setup.Root, ReadOnly: &setup.ReadOnly, GC: config.ConfigGC{Frequency: -1}},
		API:     config.ConfigAPI{DeleteEnabled: &deletes, Blob: config.ConfigAPIBlob{DeleteEnabled: &deletes}},
		Log:     slog.New(slog.DiscardHandler),
	})
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		if err := server.Close(); err != nil {
			t.Logf("close olareg: %v", err) // olareg returns an error for a repository that was requested but never pushed to
		}
	})
	return listener.URL
}
