package credentials

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
)

// authConfigVariable is the environment variable that holds a configuration, since docker 28.
const authConfigVariable = "DOCKER_AUTH_CONFIG"

// A location is a place where a configuration may be.
type location struct {
	path   string // for errors, also the name of a variable
	text   string // the configuration itself, if it is in a variable
	format format
	named  bool // it is an error if it does not exist
}

func (l location) read() (*configFile, error) {
	if l.format == variableFormat {
		return parseConfigFile(l.path, []byte(l.text), l.format)
	}
	raw, err := readFile(l.path)
	if err != nil {
		return nil, err
	}
	return parseConfigFile(l.path, raw, l.format)
}

func named(paths ...string) []location {
	var locations []location
	for _, path := range paths {
		locations = append(locations, location{path: path, named: true})
	}
	return locations
}

// A machine is what the places of the files depend on beside environment variables.
type machine struct {
	goos string
	run  string // the directory of run-time data, /run
	uid  int
	home string // empty if the user has none
}

func thisMachine() machine {
	return machine{goos: runtime.GOOS, run: "/run", uid: os.Getuid(), home: homeDirectory()}
}

// homeDirectory returns $HOME or, as docker and podman do for services, which have no such variable,
// the user database's directory. There is no other fallback: a relative path would lead to files in
// the working directory.
func homeDirectory() string {
	home, err := os.UserHomeDir()
	if err == nil || runtime.GOOS == "windows" {
		return home
	}
	if current, err := user.Current(); err == nil {
		return current.HomeDir
	}
	return ""
}

// searchPath returns the places in the order in which they are read. It is podman's order, with
// $DOCKER_AUTH_CONFIG directly before docker's file, over which docker gives it precedence.
//
// Only on Linux podman keeps its logins in a directory that ends with the session.
func (m machine) searchPath() []location {
	if path := os.Getenv("REGISTRY_AUTH_FILE"); path != "" {
		return named(path)
	}
	var locations []location
	add := func(format format, dir string, elem ...string) {
		if dir == "" {
			return
		}
		path := filepath.Join(append([]string{dir}, elem...)...)
		for _, l := range locations {
			if l.path == path {
				return
			}
		}
		locations = append(locations, location{path: path, format: format})
	}
	inHome := func(elem ...string) string {
		if m.home == "" {
			return ""
		}
		return filepath.Join(append([]string{m.home}, elem...)...)
	}
	switch dir := os.Getenv("XDG_RUNTIME_DIR"); {
	case m.goos != "linux":
		add(currentFormat, inHome(".config"), "containers", "auth.json")
	case dir != "":
		add(currentFormat, dir, "containers", "auth.json")
	default:
		add(currentFormat, m.run, "containers", fmt.Sprint(m.uid), "auth.json")
	}
	add(currentFormat, envOr("XDG_CONFIG_HOME", inHome(".config")), "containers", "auth.json")
	if text := os.Getenv(authConfigVariable); text != "" {
		locations = append(locations, location{path: "$" + authConfigVariable, text: text, format: variableFormat, named: true})
	}
	add(currentFormat, envOr("DOCKER_CONFIG", inHome(".docker")), "config.json")
	add(legacyFormat, inHome(".dockercfg"))
	return locations
}

func envOr(variable, otherwise string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return otherwise
}
