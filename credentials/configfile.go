package credentials

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// maxConfigBytes limits the size of a configuration file.
const maxConfigBytes = 4 << 20

// A configFile is one parsed configuration. Its maps are keyed by what normalizeKey returns.
type configFile struct {
	name    string                 // for errors; the path of the file
	entries map[string][]authEntry // by host or repository, the shortest spelling of the key first
	helpers map[string]string      // by host; an empty name means that no helper is used, not even the store
	store   string                 // the helper for all other hosts
}

// An authEntry is an entry of the field auths: a credential, or what is wrong with it.
type authEntry struct {
	key  string // as it is spelled in the file
	cred Credential
	err  error
}

func readConfigFile(path string) (*configFile, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parseConfigFile(path, raw)
}

// readFile is os.ReadFile with a limit. Its errors do not contain the path.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if len(raw) > maxConfigBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxConfigBytes)
	}
	return raw, nil
}

// withoutPath removes the path from an error of the os package, because [Error] names the file
// already.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// parseConfigFile parses a configuration. Its errors contain keys and the names of helpers, and
// nothing else of the content.
func parseConfigFile(name string, raw []byte) (*configFile, error) {
	var wire struct {
		Auths       map[string]json.RawMessage `json:"auths"`
		CredHelpers map[string]string          `json:"credHelpers"`
		CredsStore  string                     `json:"credsStore"`
	}
	if json.Unmarshal(raw, &wire) != nil { // the error of the json package may quote the content
		return nil, errors.New("not the JSON of a docker configuration")
	}
	file := &configFile{
		name:    name,
		entries: make(map[string][]authEntry, len(wire.Auths)),
		helpers: make(map[string]string, len(wire.CredHelpers)),
		store:   wire.CredsStore,
	}
	for _, key := range shortestFirst(wire.Auths) {
		cred, err := parseAuthEntry(wire.Auths[key])
		normalized := normalizeKey(key)
		file.entries[normalized] = append(file.entries[normalized], authEntry{key: key, cred: cred, err: err})
	}
	for _, key := range shortestFirst(wire.CredHelpers) {
		host := normalizeKey(key)
		if _, known := file.helpers[host]; !known {
			file.helpers[host] = wire.CredHelpers[key]
		}
	}
	if err := file.check(); err != nil {
		return nil, err
	}
	return file, nil
}

// shortestFirst orders keys by length, so that the shortest of several spellings of a name comes
// first. The order does not depend on the order of the map.
func shortestFirst[V any](entries map[string]V) []string {
	return slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(b, a))
	})
}

// parseAuthEntry parses an entry of the field auths. Its field auth takes precedence over username
// and password.
func parseAuthEntry(raw json.RawMessage) (Credential, error) {
	var wire struct {
		Auth          string `json:"auth"`
		Username      string `json:"username"`
		Password      string `json:"password"`
		IdentityToken string `json:"identitytoken"`
		RegistryToken string `json:"registrytoken"`
	}
	if json.Unmarshal(raw, &wire) != nil { // the error of the json package may quote the content
		return Credential{}, errors.New("not the JSON of an entry")
	}
	cred := Credential{
		Username: wire.Username, Password: wire.Password,
		IdentityToken: wire.IdentityToken, RegistryToken: wire.RegistryToken,
	}
	if wire.Auth != "" {
		plain, err := base64.StdEncoding.DecodeString(strings.TrimRight(wire.Auth, "\x00"))
		if err != nil {
			return Credential{}, errors.New("the field auth is not base64")
		}
		user, password, ok := strings.Cut(string(plain), ":")
		if !ok || user == "" {
			return Credential{}, errors.New("the field auth is not user:password")
		}
		cred.Username, cred.Password = user, strings.Trim(password, "\x00")
	}
	if cred.IdentityToken != "" {
		cred.Password = ""
	}
	if err := cred.Validate(); err != nil {
		return Credential{}, err
	}
	return cred, nil
}

// check returns the error of the first malformed entry or helper name. Which one is first does not
// depend on the order of the maps.
func (f *configFile) check() error {
	for _, key := range slices.Sorted(maps.Keys(f.entries)) {
		for _, entry := range f.entries[key] {
			if entry.err != nil {
				return fmt.Errorf("auths entry %q: %w", origin.Shown(entry.key), entry.err)
			}
		}
	}
	for _, name := range append(slices.Sorted(maps.Values(f.helpers)), f.store) {
		if name == "" {
			continue
		}
		if err := checkHelperName(name); err != nil {
			return err
		}
	}
	return nil
}

// lookUp returns the file's credential for a repository of a registry. It tries the longest key
// first: "host/team/app", "host/team", "host". For the host itself a helper takes precedence over
// the file's own entry.
func (f *configFile) lookUp(ctx context.Context, registry, repository string) (cred Credential, found bool, err error) {
	host := origin.CanonicalHost(registry)
	for key := host + "/" + repository; len(key) > len(host); key = key[:strings.LastIndexByte(key, '/')] {
		if entry, ok := f.entryFor(key); ok {
			return entry.cred, true, nil
		}
	}
	if name := f.helperFor(host); name != "" {
		cred, found, err := runHelper(ctx, name, helperServer(host))
		if err != nil {
			return Credential{}, false, &Error{Registry: registry, File: f.name, Helper: helperPrefix + name, Err: err}
		}
		if found {
			return cred, true, nil
		}
	}
	entry, found := f.entryFor(host)
	return entry.cred, found, nil
}

// entryFor returns the entry that is used for a key: of several spellings the shortest that has a
// credential.
func (f *configFile) entryFor(key string) (authEntry, bool) {
	for _, entry := range f.entries[key] {
		if !entry.cred.IsZero() {
			return entry, true
		}
	}
	return authEntry{}, false
}

// helperFor returns the name of the helper that is used for a host, or the empty string.
func (f *configFile) helperFor(host string) string {
	if name, ok := f.helpers[host]; ok {
		return name
	}
	return f.store
}

// normalizeKey returns the one spelling of a key that has several: "https://host/v1/", "host/v2",
// "host:443" and "host" are all "host". A key that podman writes for a repository, "host/team/app",
// keeps its path.
func normalizeKey(key string) string {
	scheme, rest, found := strings.Cut(key, "://")
	if !found {
		scheme, rest = "", key
	}
	rest = strings.TrimSuffix(rest, "/")
	for _, version := range []string{"/v1", "/v2"} {
		if strings.Count(rest, "/") == 1 {
			rest = strings.TrimSuffix(rest, version)
		}
	}
	host, path, _ := strings.Cut(rest, "/")
	switch strings.ToLower(scheme) { // a client names a registry without the default port of its scheme
	case "", "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	host = origin.CanonicalHost(host)
	if path == "" {
		return host
	}
	return host + "/" + path
}
