package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// An Error says which file or helper failed for which registry. Its text may quote a key of the file
// or the name of a helper, but no other content of the file and no output of the helper.
type Error struct {
	Registry string // empty while a file is being loaded
	File     string // the configuration file
	Helper   string // the helper program; empty if no helper was run
	Err      error
}

// Error names the registry, the file and the helper.
func (e *Error) Error() string {
	var parts []string
	for _, name := range []string{e.Registry, e.File, e.Helper} {
		if name != "" {
			parts = append(parts, name)
		}
	}
	return "credentials: " + strings.Join(append(parts, e.Err.Error()), ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LoadDockerConfig reads the files in which docker and podman keep credentials. Named paths are
// read in order, and each file must exist. Without a path it reads the files that podman documents,
// as far as they exist:
//
//   - $REGISTRY_AUTH_FILE; if it is set, the file must exist, and no other is read
//   - $XDG_RUNTIME_DIR/containers/auth.json
//   - $XDG_CONFIG_HOME/containers/auth.json, by default ~/.config/containers/auth.json
//   - $DOCKER_CONFIG/config.json, by default ~/.docker/config.json
//
// It understands the fields auths (with auth, username and password, identitytoken, registrytoken),
// credHelpers and credsStore. Keys may have a scheme and end in /v1/ or /v2/, may be any name of
// Docker Hub, and may name a namespace or a repository as podman's do; the longest matching key
// wins.
//
// A helper runs when the source is asked for its registry, with the context of that call. It takes
// precedence over the file's own entry for the registry, but not over an entry for a namespace or a
// repository. The first file that has something for the registry decides; if none has, the
// credential is anonymous.
//
// Errors are of type [*Error]: from LoadDockerConfig for a file that cannot be read or is
// malformed, and from the source for a helper that is missing or fails. Such a failure never makes
// the caller anonymous, and no other file is searched.
//
// See https://docs.docker.com/reference/cli/docker/login/ and
// https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
func LoadDockerConfig(paths ...string) (Source, error) {
	locations := searchPath()
	if len(paths) > 0 {
		locations = required(paths...)
	}
	var config dockerConfig
	for _, place := range locations {
		file, err := readConfigFile(place.path)
		if errors.Is(err, fs.ErrNotExist) && !place.required {
			continue
		}
		if err != nil {
			return nil, &Error{File: place.path, Err: err}
		}
		config.files = append(config.files, file)
	}
	return config, nil
}

// A location is a place where a configuration may be.
type location struct {
	path     string
	required bool // it is an error if the file does not exist
}

func required(paths ...string) []location {
	var locations []location
	for _, path := range paths {
		locations = append(locations, location{path: path, required: true})
	}
	return locations
}

// searchPath returns the places that the environment names, in the order in which they are read.
func searchPath() []location {
	if path := os.Getenv("REGISTRY_AUTH_FILE"); path != "" {
		return required(path)
	}
	var locations []location
	add := func(dir string, elem ...string) {
		if dir != "" {
			locations = append(locations, location{path: filepath.Join(append([]string{dir}, elem...)...)})
		}
	}
	add(os.Getenv("XDG_RUNTIME_DIR"), "containers", "auth.json")
	add(envOrHome("XDG_CONFIG_HOME", ".config"), "containers", "auth.json")
	add(envOrHome("DOCKER_CONFIG", ".docker"), "config.json")
	return locations
}

// envOrHome returns the directory that a variable names, by default a directory in the user's home.
// It returns the empty string if there is no home directory either.
func envOrHome(variable, name string) string {
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, name)
}

// A dockerConfig is the source that LoadDockerConfig returns.
type dockerConfig struct {
	files []*configFile // in order of precedence
}

// Credential returns the credential of the first file that has one.
func (d dockerConfig) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	for _, file := range d.files {
		cred, found, err := file.lookUp(ctx, registry, repository)
		if err != nil {
			return Credential{}, err
		}
		if found {
			return cred, nil
		}
	}
	return Credential{}, nil
}

// String names the files.
func (d dockerConfig) String() string {
	names := make([]string, len(d.files))
	for i, file := range d.files {
		names[i] = file.name
	}
	return fmt.Sprintf("credentials from %q", names)
}

// Format prints the names of the files for every verb.
func (d dockerConfig) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

// MarshalJSON writes the names of the files.
func (d dockerConfig) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }
