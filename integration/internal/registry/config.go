package registry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// section is a section of a configuration file.
type section map[string]any

// configuration returns the configuration file for a setup. It is JSON, which is also valid YAML.
// See https://distribution.github.io/distribution/about/configuration/
func (s Server) configuration(t testing.TB, setup Setup) []byte {
	t.Helper()
	storage := section{
		"filesystem": section{"rootdirectory": setup.Root},
		"delete":     section{"enabled": !setup.DeleteDisabled},
		"maintenance": section{
			"uploadpurging": section{"enabled": false},
			"readonly":      section{"enabled": setup.ReadOnly},
		},
	}
	if setup.Cache {
		storage["cache"] = section{"blobdescriptor": "inmemory"}
	}
	config := section{
		"version": "0.1",
		"log":     section{"level": "info", "accesslog": section{"disabled": true}},
		"storage": storage,
		"http":    section{"addr": "127.0.0.1:0", "secret": "only for this test"},
	}
	if s.Schema1 {
		config["compatibility"] = section{"schema1": section{"enabled": true}}
	}
	if s.Upstream != "" {
		config["proxy"] = section{"remoteurl": s.Upstream}
	}
	switch {
	case s.Tokens != nil:
		config["auth"] = section{"token": s.Tokens.section(t)}
	case setup.Users != nil:
		config["auth"] = section{"htpasswd": section{"realm": "integration", "path": htpasswd(t, setup.Users)}}
	}
	raw, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// htpasswd writes a password file and returns its path. It uses the lowest bcrypt cost, for speed.
func htpasswd(t testing.TB, users map[string]string) string {
	t.Helper()
	var lines []byte
	for user, password := range users {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, user+":"+string(hash)+"\n"...)
	}
	return writeFile(t, "htpasswd", lines)
}

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
