package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// maxPolicy is how many bytes of a policy are read.
const maxPolicy = 4 << 20

// maxInUse is how many bytes of an in-use list are read. A line has about 200.
const maxInUse = 256 << 20

// readPolicy reads a policy in YAML or JSON from a file, or from stdin if the path is "-". Its faults
// are shown with their lines.
func (a *app) readPolicy(path string) (*policy.Policy, error) {
	if path == "" {
		return nil, usagef("there is no policy: add -p policy.yaml")
	}
	data, err := a.readInput("policy", path, maxPolicy)
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
// which is at path; those of a policy without a file are relative to the working directory.
// Overrides are the values of --in-use: see overridden.
//
// A list that cannot be read is an error: what is in use is then unknown.
func (a *app) inUse(path string, p *policy.Policy, overrides []string) ([]*policy.InUse, error) {
	files, err := overridden(p, overrides)
	if err != nil {
		return nil, err
	}
	var lists []*policy.InUse
	var errs []error
	for _, name := range p.Files() {
		file, ok := files[name]
		if !ok {
			file = besidePolicy(path, name)
		}
		list, err := readInUse(name, file)
		lists, errs = append(lists, list), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return lists, nil
}

// newerInUse reads only the lists that --in-use names, for a plan that was made with older ones.
func (a *app) newerInUse(p *policy.Policy, overrides []string) ([]*policy.InUse, error) {
	files, err := overridden(p, overrides)
	if err != nil {
		return nil, err
	}
	var lists []*policy.InUse
	var errs []error
	for _, name := range p.Files() {
		if file, ok := files[name]; ok {
			list, err := readInUse(name, file)
			lists, errs = append(lists, list), append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return lists, nil
}

// overridden returns the files that --in-use gives, by the names of the lists in the policy. A value
// is NAME=FILE, or only FILE if the policy names a single list.
func overridden(p *policy.Policy, overrides []string) (map[string]string, error) {
	names := p.Files()
	files := make(map[string]string, len(overrides))
	for _, text := range overrides {
		name, file, err := splitOverride(names, text)
		if err != nil {
			return nil, err
		}
		if _, twice := files[name]; twice {
			return nil, usagef("--in-use gives the list %q twice", name)
		}
		files[name] = file
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

// besidePolicy returns the path of a file that a policy names.
func besidePolicy(path, name string) string {
	file := filepath.FromSlash(name)
	if filepath.IsAbs(file) || path == "-" || path == "" {
		return file
	}
	return filepath.Join(filepath.Dir(path), file)
}

// readInUse reads an in-use list. It is as old as its file, unless a line in it says more.
func readInUse(name, path string) (*policy.InUse, error) {
	unsafe := func(err error) error {
		return exit.With(exit.Unsafe, fmt.Errorf("in-use list %s: %w; nothing is removed while it is unknown what is in use", path, err))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, unsafe(reasonOf(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, unsafe(reasonOf(err))
	}
	data, err := readBounded(file, maxInUse)
	if err != nil {
		return nil, unsafe(reasonOf(err))
	}
	list, err := policy.ParseInUse(name, bytes.NewReader(data), info.ModTime())
	if err != nil {
		return nil, exit.With(exit.Unsafe, fmt.Errorf("in-use list %s: %w", path, err))
	}
	return list, nil
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
