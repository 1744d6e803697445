package registry

import (
	"bytes"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/sirupsen/logrus"

	// Used by name in the configuration.
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

// Distribution3 returns distribution 3. It runs in this process.
func Distribution3() Kind {
	return Kind{Name: "distribution 3", TagDelete: true, start: startDistribution3}
}

func startDistribution3(t testing.TB, config []byte) string {
	t.Helper()
	// All registries log through one logger, so the log cannot be attributed to a test.
	logrus.SetOutput(io.Discard)

	// Parse also sets the defaults.
	parsed, err := configuration.Parse(bytes.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	app := handlers.NewApp(t.Context(), parsed)
	server := httptest.NewServer(app)
	t.Cleanup(func() {
		server.Close()
		if err := app.Shutdown(); err != nil {
			t.Errorf("shut down distribution 3: %v", err)
		}
	})
	return server.URL
}
