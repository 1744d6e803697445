package credentials

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// An Error says which file or helper failed for which registry. Its text may quote a key of the file
// or the name of a helper, but no other content of the file and no output of the helper. For a
// helper that fails it has the command that shows the output.
type Error struct {
	Registry string // empty while a file is being loaded
	File     string // the configuration file, or "$DOCKER_AUTH_CONFIG"
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
// read in order, and each file must exist. Without a path it reads these places, as far as they
// exist:
//
//   - $REGISTRY_AUTH_FILE; if it is set, the file must exist, and nothing else is read
//   - $XDG_RUNTIME_DIR/containers/auth.json or, if the variable is not set,
//     /run/containers/<uid>/auth.json; on other systems than Linux ~/.config/containers/auth.json
//   - $XDG_CONFIG_HOME/containers/auth.json, by default ~/.config/containers/auth.json
//   - $DOCKER_AUTH_CONFIG, which holds a configuration itself
//   - $DOCKER_CONFIG/config.json, by default ~/.docker/config.json
//   - ~/.dockercfg
//
// It understands the fields auths (with auth, username and password, identitytoken, registrytoken),
// credHelpers and credsStore, and the old format, which is the value of auths alone. Keys may have a
// scheme and end in /v1/ or /v2/, may be any name of Docker Hub, and may name a namespace or a
// repository as podman's do; the longest matching key wins. An empty file is an empty configuration.
// Other files than regular ones are an error.
//
// A helper runs when the source is asked for its registry, with the context of that call. The helper
// that credHelpers names for a registry takes precedence over all entries for it, and credsStore
// over the entry for the whole registry. The first file that has something for the registry decides;
// if none has, the credential is anonymous.
//
// Errors are of type [*Error]. A failure never makes the caller anonymous, and no other file is
// searched:
//
//   - LoadDockerConfig fails if a named file, $DOCKER_AUTH_CONFIG or the first file that was found
//     cannot be read or is no configuration. If that is true of a later file, the source fails when
//     it is asked for something that no file before it has.
//   - The source fails if the entry for the registry is malformed, or if its helper is missing or
//     fails. Malformed entries for other registries do not matter.
//
// The source is an [Explainer].
//
// See https://docs.docker.com/reference/cli/docker/login/ and
// https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
func LoadDockerConfig(paths ...string) (Source, error) {
	if len(paths) > 0 {
		return loadLocations(named(paths...))
	}
	return loadLocations(thisMachine().searchPath())
}

func loadLocations(locations []location) (Source, error) {
	var config dockerConfig
	for _, place := range locations {
		file, err := place.read()
		switch {
		case err == nil:
			config.files = append(config.files, file)
		case isMissing(err) && !place.named:
			config.missing = append(config.missing, place.path)
		case place.named || len(config.files) == 0: // every look-up would fail
			return nil, &Error{File: place.path, Err: err}
		default:
			config.files = append(config.files, &configFile{name: place.path, err: err})
		}
	}
	return config, nil
}

// A dockerConfig is the source that LoadDockerConfig returns.
type dockerConfig struct {
	files   []*configFile // in order of precedence
	missing []string      // the places where no file was found
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
