package regret

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
	"path/filepath"
	"slices"
	"strings"
)

// maxConfigBytes bounds a configuration file.
const maxConfigBytes = 4 << 20

// hubServer is what docker's files and helpers call Docker Hub.
const hubServer = "https://index.docker.io/v1/"

// A CredentialError says which file or helper failed for which registry. It
// never holds what was in the file or what the helper printed.
type CredentialError struct {
	Registry string // empty while a file is being loaded
	File     string // the configuration file
	Helper   string // the helper program, if it was one
	Err      error
}

// Error names registry, file and helper.
func (e *CredentialError) Error() string {
	var parts []string
	if e.Registry != "" {
		parts = append(parts, e.Registry)
	}
	if e.File != "" {
		parts = append(parts, e.File)
	}
	if e.Helper != "" {
		parts = append(parts, e.Helper)
	}
	return "credentials: " + strings.Join(append(parts, e.Err.Error()), ": ")
}

// Unwrap returns the cause below.
func (e *CredentialError) Unwrap() error { return e.Err }

// LoadDockerConfig reads the files in which docker and podman keep credentials,
// for [WithCredentials]. Named paths are read in their order, and each must
// exist. Without any, they are what podman documents, those that exist:
//
//   - $REGISTRY_AUTH_FILE, and then nothing else
//   - $XDG_RUNTIME_DIR/containers/auth.json
//   - $XDG_CONFIG_HOME/containers/auth.json, by default ~/.config/containers/auth.json
//   - $DOCKER_CONFIG/config.json, by default ~/.docker/config.json
//
// Of each file it understands auths (auth, username and password, identitytoken,
// registrytoken), credHelpers and credsStore; keys with and without scheme and
// /v1/, the names of Docker Hub, and podman's keys for a namespace or a
// repository, of which the longest wins. A helper is run when its registry is
// asked for, with the context of that call. The first file that has something
// for the registry decides; if none has, the credential is anonymous.
//
// Errors: [*CredentialError] for a file that cannot be read or is malformed,
// and later, from the source, for a helper that is missing or fails. Nobody
// becomes anonymous by such a failure, and no other registry is asked.
//
// See https://docs.docker.com/reference/cli/docker/login/ and
// https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
func LoadDockerConfig(paths ...string) (CredentialSource, error) {
	var source dockerConfig
	required := len(paths) > 0
	if !required {
		paths = defaultConfigPaths()
		required = os.Getenv("REGISTRY_AUTH_FILE") != ""
	}
	for _, path := range paths {
		file, err := readConfigFile(path)
		if errors.Is(err, fs.ErrNotExist) && !required {
			continue
		}
		if err != nil {
			return nil, &CredentialError{File: path, Err: err}
		}
		source = append(source, file)
	}
	return source, nil
}

func defaultConfigPaths() []string {
	if path := os.Getenv("REGISTRY_AUTH_FILE"); path != "" {
		return []string{path}
	}
	home, homeErr := os.UserHomeDir()
	var paths []string
	add := func(dir, fallback string, elem ...string) {
		if dir == "" && fallback != "" && homeErr == nil {
			dir = filepath.Join(home, fallback)
		}
		if dir != "" {
			paths = append(paths, filepath.Join(append([]string{dir}, elem...)...))
		}
	}
	add(os.Getenv("XDG_RUNTIME_DIR"), "", "containers", "auth.json")
	add(os.Getenv("XDG_CONFIG_HOME"), ".config", "containers", "auth.json")
	add(os.Getenv("DOCKER_CONFIG"), ".docker", "config.json")
	return paths
}

// dockerConfig is the files in their order.
type dockerConfig []*configFile

// A configFile is one of them, its keys normalised.
type configFile struct {
	path    string
	auths   map[string]Credential
	helpers map[string]string // by registry
	store   string            // the helper for all others
}

// wireAuth is an entry of auths as it is written.
type wireAuth struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

func readConfigFile(path string) (*configFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unwrapPath(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, unwrapPath(err)
	}
	if len(raw) > maxConfigBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxConfigBytes)
	}
	return parseConfigFile(path, raw)
}

// parseConfigFile decodes a configuration. Its errors name keys and helpers,
// and nothing else of the content.
func parseConfigFile(path string, raw []byte) (*configFile, error) {
	var wire struct {
		Auths       map[string]wireAuth `json:"auths"`
		CredHelpers map[string]string   `json:"credHelpers"`
		CredsStore  string              `json:"credsStore"`
	}
	if json.Unmarshal(raw, &wire) != nil { // its text may quote the content
		return nil, errors.New("not the JSON of a docker configuration")
	}
	file := &configFile{path: path, auths: map[string]Credential{}, helpers: map[string]string{}, store: wire.CredsStore}
	for _, key := range plainestLast(wire.Auths) {
		cred, err := wire.Auths[key].credential()
		if err != nil {
			return nil, fmt.Errorf("auths entry %q: %w", redactedRegistry(key), err)
		}
		if _, twice := file.auths[configKey(key)]; !twice || !cred.anonymous() {
			file.auths[configKey(key)] = cred
		}
	}
	for _, key := range plainestLast(wire.CredHelpers) {
		file.helpers[configKey(key)] = wire.CredHelpers[key]
	}
	for _, helper := range append(slices.Sorted(maps.Values(file.helpers)), file.store) {
		if helper != "" && !helperName.MatchString(helper) {
			return nil, fmt.Errorf("helper name %q: only letters, digits, dot, dash and underscore", clip(helper))
		}
	}
	return file, nil
}

// plainestLast orders keys so that of several forms of one name the plainest is
// the last, and the outcome is the same every time.
func plainestLast[V any](entries map[string]V) []string {
	return slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}

// unwrapPath drops the path that the error of the os package repeats.
func unwrapPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// credential decodes an entry. The field auth wins over username and password.
func (w wireAuth) credential() (Credential, error) {
	cred := Credential{Username: w.Username, Password: w.Password, IdentityToken: w.IdentityToken, RegistryToken: w.RegistryToken}
	if w.Auth != "" {
		plain, err := base64.StdEncoding.DecodeString(strings.TrimRight(w.Auth, "\x00"))
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
	return cred, cred.check()
}

// configKey is a key of auths or credHelpers without the forms it may come in:
// "https://host/v1/", "host/v2", "host", "host:443". What podman writes for a
// repository, "host/team/app", stays.
func configKey(key string) string {
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
	switch strings.ToLower(scheme) { // New drops the scheme's own port, too
	case "", "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	host = hostKey(host)
	if path == "" {
		return host
	}
	return host + "/" + path
}

// hostKey is the one name of a registry that has several.
func hostKey(host string) string {
	host = strings.ToLower(host)
	switch host {
	case "docker.io", "index.docker.io", "www.docker.io":
		return dockerHub
	}
	return host
}

// Credential looks into the files in their order.
func (d dockerConfig) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	for _, file := range d {
		cred, found, err := file.credential(ctx, registry, repository)
		if err != nil {
			return Credential{}, err
		}
		if found {
			return cred, nil
		}
	}
	return Credential{}, nil
}

// credential looks under the longest key first: "host/team/app", "host/team",
// "host". For the host itself a helper comes before what the file holds.
func (f *configFile) credential(ctx context.Context, registry, repository string) (Credential, bool, error) {
	host := hostKey(registry)
	for key := host + "/" + repository; len(key) > len(host); key = key[:strings.LastIndexByte(key, '/')] {
		if cred, ok := f.auths[key]; ok && !cred.anonymous() {
			return cred, true, nil
		}
	}
	helper, named := f.helpers[host] // an empty name means this file, whatever the store
	if !named {
		helper = f.store
	}
	if helper != "" {
		server := host
		if host == dockerHub {
			server = hubServer
		}
		cred, found, err := runHelper(ctx, helper, server)
		if err != nil {
			return Credential{}, false, &CredentialError{Registry: registry, File: f.path, Helper: helperPrefix + helper, Err: err}
		}
		if found {
			return cred, true, nil
		}
	}
	cred, ok := f.auths[host]
	return cred, ok && !cred.anonymous(), nil
}

// String names the files.
func (d dockerConfig) String() string {
	paths := make([]string, len(d))
	for i, file := range d {
		paths[i] = file.path
	}
	return fmt.Sprintf("credentials from %q", paths)
}

// Format prints the names of the files for every verb.
func (d dockerConfig) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

// MarshalJSON writes the names of the files.
func (d dockerConfig) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }
