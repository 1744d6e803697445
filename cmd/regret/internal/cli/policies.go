package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// readPolicy reads a policy in YAML or JSON from a file, or from stdin if the path is "-". Its faults
// are shown with their lines.
func (a *app) readPolicy(path string) (*policy.Policy, error) {
	if path == "" {
		return nil, usagef("there is no policy: add -p policy.yaml")
	}
	data, err := a.readInput("policy", path, policyfile.MaxSize)
	if err != nil {
		return nil, err
	}
	if path == "-" {
		path = "stdin"
	}
	p, err := policyfile.Read(path, data)
	return p, exit.With(exit.Usage, err)
}

// inUse reads the in-use lists that a policy names. Their files are relative to that of the policy,
// which is at path. Overrides are the values of --in-use. A list that cannot be read is an error:
// what is in use is then unknown.
func (a *app) inUse(path string, p *policy.Policy, overrides []string) ([]*policy.InUse, error) {
	files, err := overridden(p, overrides)
	if err != nil {
		return nil, err
	}
	lists, err := policyfile.InUse(path, p, files...)
	return lists, unknownUse(err)
}

// newerInUse reads only the lists that --in-use names, for a plan that was made with older ones.
func (a *app) newerInUse(p *policy.Policy, overrides []string) ([]*policy.InUse, error) {
	files, err := overridden(p, overrides)
	if err != nil {
		return nil, err
	}
	lists, err := policyfile.Newer(p.Files(), files)
	return lists, unknownUse(err)
}

// unknownUse says what it means that an in-use list cannot be read.
func unknownUse(err error) error {
	if err == nil {
		return nil
	}
	return exit.With(exit.Unsafe, fmt.Errorf("%w; nothing is removed while it is unknown what is in use", err))
}

// overridden returns the values of --in-use in the form NAME=FILE. A value is that, or only FILE if
// the policy names a single list.
func overridden(p *policy.Policy, overrides []string) ([]string, error) {
	names := p.Files()
	given := make(map[string]bool, len(overrides))
	var files []string
	for _, text := range overrides {
		name, file, err := splitOverride(names, text)
		if err != nil {
			return nil, err
		}
		if given[name] {
			return nil, usagef("--in-use gives the list %q twice", name)
		}
		given[name] = true
		files = append(files, name+"="+file)
	}
	return files, nil
}

// splitOverride returns which list of the policy a value of --in-use is for, and its file.
func splitOverride(names []string, text string) (name, file string, err error) {
	for _, name := range slices.Backward(names) { // sorted: of "a" and "a=b", the longer one first
		if file, ok := strings.CutPrefix(text, name+"="); ok && file != "" {
			return name, file, nil
		}
	}
	switch {
	case text == "":
		return "", "", usagef("--in-use needs a file")
	case len(names) == 0:
		return "", "", usagef("--in-use %s: no rule of the policy has an in-use list (\"file\")", text)
	case len(names) > 1:
		return "", "", usagef("--in-use %s: the policy has several lists; write which one it is: NAME=%s, where NAME is %s",
			text, text, strings.Join(names, " or "))
	}
	return names[0], text, nil
}

// readInput reads a whole file, or stdin if the path is "-". What names it in errors.
func (a *app) readInput(what, path string, limit int64) ([]byte, error) {
	in := a.streams.In
	if path == "-" {
		if a.flags.passwordStdin {
			return nil, usagef("stdin has the password, so that it cannot have the %s: leave out \"-\"", what)
		}
		path = "on stdin"
	} else {
		file, err := os.Open(path)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("%s %s: %w", what, path, reasonOf(err)))
		}
		defer file.Close()
		in = file
	}
	data, err := readBounded(in, limit)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("%s %s: %w", what, path, reasonOf(err)))
	}
	return data, nil
}

// readBounded reads everything up to a limit, which is an error to exceed.
func readBounded(in io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than %d MiB", limit>>20)
	}
	return data, err
}

// reasonOf returns an error about a file without the path, which is said already.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
