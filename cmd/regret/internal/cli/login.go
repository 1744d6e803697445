package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A login is where credentials come from: --username with --password-stdin, for the one registry of
// the command line; REGRET_USERNAME and REGRET_PASSWORD, for the host in REGRET_REGISTRY; and the
// files of docker and podman. The first that has something for a registry decides.
type login struct {
	registry string // of --username
	password string
	read     bool
}

// maxPassword is how many bytes of a password are read from stdin. Tokens of clouds have 4 KiB.
const maxPassword = 64 << 10

// source returns where the credentials for a registry come from.
func (a *app) source(registry string) (credentials.Source, error) {
	var sources []credentials.Source
	given, err := a.givenLogin(registry)
	if err != nil {
		return nil, err
	}
	if given != nil {
		sources = append(sources, given)
	}
	fromEnv, err := a.loginFromEnv()
	if err != nil {
		return nil, err
	}
	if fromEnv != nil {
		sources = append(sources, fromEnv)
	}
	var paths []string
	if a.flags.authFile != "" {
		paths = append(paths, a.flags.authFile)
	}
	files, err := credentials.LoadDockerConfig(paths...)
	if err != nil {
		return nil, err
	}
	return credentials.FirstOf(append(sources, files)...), nil
}

// givenLogin returns the login of --username for a registry; nil if there is none. It is for one
// registry: a second one on the same command line is an error.
func (a *app) givenLogin(registry string) (credentials.Source, error) {
	if a.flags.username == "" {
		return nil, nil
	}
	if !a.login.read {
		password, err := readPassword(a.streams.In)
		if err != nil {
			return nil, err
		}
		a.login = login{registry: registry, password: password, read: true}
	}
	if a.login.registry != registry {
		return nil, usagef("--username is for one registry, not for %s and %s", a.login.registry, registry)
	}
	return forRegistry(registry, "--username", credentials.Credential{Username: a.flags.username, Password: a.login.password})
}

// checkOneLogin returns an error if --username is given and not all references are of one registry.
func (a *app) checkOneLogin(refs []regret.Reference) error {
	for _, ref := range refs {
		if a.flags.username != "" && ref.Registry != refs[0].Registry {
			return usagef("--username is for one registry, not for %s and %s", refs[0].Registry, ref.Registry)
		}
	}
	return nil
}

// checkLoginInFile returns an error if --username is given, but only a file names the registry: whoever
// wrote the file would choose the host that gets the password.
func (a *app) checkLoginInFile(registry, path string) error {
	may, _ := a.lookupEnv("REGRET_REGISTRY")
	if a.flags.username == "" || plan.RegistryName(may) == plan.RegistryName(registry) {
		return nil
	}
	registry = terminal.Safe(registry)
	return usagef("--username is for a registry that you name, and only %s names %s: if that may see the password, set REGRET_REGISTRY=%s",
		terminal.Safe(path), registry, registry)
}

// readPassword reads a password and the end of its line from stdin.
func readPassword(in io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxPassword+1))
	password := strings.TrimRight(string(text), "\r\n")
	switch {
	case err != nil:
		return "", exit.With(exit.Usage, fmt.Errorf("read the password from stdin: %w", err))
	case len(text) > maxPassword:
		return "", usagef("the password on stdin has more than %d bytes", maxPassword)
	case password == "":
		return "", usagef("there is no password on stdin")
	case strings.ContainsAny(password, "\r\n"):
		return "", usagef("the password on stdin has more than one line")
	}
	return password, nil
}

// loginFromEnv returns the login in the environment; nil if there is none.
func (a *app) loginFromEnv() (credentials.Source, error) {
	env := func(name string) string { value, _ := a.lookupEnv(name); return value }
	username, password, registry := env("REGRET_USERNAME"), env("REGRET_PASSWORD"), env("REGRET_REGISTRY")
	switch {
	case username == "" && password == "":
		return nil, nil
	case registry == "":
		return nil, usagef("REGRET_USERNAME and REGRET_PASSWORD need REGRET_REGISTRY, the host that may see them")
	case username == "" || password == "":
		return nil, usagef("REGRET_USERNAME and REGRET_PASSWORD belong together")
	}
	return forRegistry(registry, "REGRET_USERNAME", credentials.Credential{Username: username, Password: password})
}

// forRegistry returns a source that has a credential for one registry.
func forRegistry(registry, name string, c credentials.Credential) (credentials.Source, error) {
	source := credentials.ForRegistry(registry, credentials.Static(c))
	if err := credentials.Check(source); err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	return source, nil
}

// arguments returns the arguments of a command, with those on stdin, one a line, in place of "-".
func (a *app) arguments(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		if arg != "-" {
			all = append(all, arg)
			continue
		}
		if a.flags.passwordStdin {
			return nil, usagef("stdin has the password, so that it cannot have arguments: leave out \"-\"")
		}
		lines, err := readLines(a.streams.In)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("read arguments from stdin: %w", err))
		}
		all = append(all, lines...)
	}
	return all, nil
}

// maxArguments bounds what is read from stdin.
const maxArguments = 1 << 20

// readLines reads lines that are not empty.
func readLines(in io.Reader) ([]string, error) {
	var lines []string
	s := bufio.NewScanner(in)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" {
			lines = append(lines, line)
		}
		if len(lines) > maxArguments {
			return nil, errors.New("there are too many lines")
		}
	}
	return lines, s.Err()
}
