package policyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// MaxInUse is how many bytes an in-use list may have.
const MaxInUse = 64 << 20

// InUse reads the in-use lists that a policy names, each from its file. The names are relative
// to the folder of the policy file, or to the current folder if its path is empty or "-".
// The time of a list is that at which its file was last written, unless the list says when
// it was made, see [policy.ParseInUse]. Newer are files to read instead, see [Newer].
//
// Errors, of all lists at once: [*policy.InUseError] if a file does not exist or cannot be
// read, or what is in it cannot; and those of Newer.
func InUse(policyPath string, p *policy.Policy, newer ...string) ([]*policy.InUse, error) {
	given, err := assign(p.Files(), newer)
	if err != nil {
		return nil, err
	}
	var lists []*policy.InUse
	var found []error
	for _, name := range p.Files() {
		path, ok := given[name]
		if !ok {
			path = pathOf(policyPath, name)
		}
		list, err := readInUse(name, path)
		lists, found = append(lists, list), append(found, err)
	}
	if err := errors.Join(found...); err != nil {
		return nil, err
	}
	return lists, nil
}

// Newer reads files that take the place of in-use lists of some names, as those of a plan.
// A file is "NAME=FILE" for the list NAME; or FILE alone for the list that has this name or the
// same last part of it, or for the only list.
//
// Errors, of all files at once: [*policy.InUseError] as in [InUse]; one with
// [policy.InUseForeign] for a file that no list or more than one could be read from.
func Newer(names, files []string) ([]*policy.InUse, error) {
	given, err := assign(names, files)
	if err != nil {
		return nil, err
	}
	var lists []*policy.InUse
	var found []error
	for _, name := range names {
		if path, ok := given[name]; ok {
			list, err := readInUse(name, path)
			lists, found = append(lists, list), append(found, err)
		}
	}
	if err := errors.Join(found...); err != nil {
		return nil, err
	}
	return lists, nil
}

// assign returns the path of the file that takes the place of each list.
func assign(names, files []string) (map[string]string, error) {
	given := map[string]string{}
	var found []error
	for _, file := range files {
		name, path, problem := listOf(names, file)
		if _, twice := given[name]; problem == "" && twice {
			problem = fmt.Sprintf("two files are given for the list %q", name)
		}
		if problem != "" {
			found = append(found, &policy.InUseError{Name: file, Detail: policy.InUseForeign, Problem: problem})
			continue
		}
		given[name] = path
	}
	return given, errors.Join(found...)
}

// listOf returns the name of the list that a file takes the place of, and the path of the file.
func listOf(names []string, file string) (name, path, problem string) {
	for i := range len(file) {
		if file[i] == '=' && slices.Contains(names, file[:i]) {
			return file[:i], file[i+1:], ""
		}
	}
	matching := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name != file })
	if len(matching) == 0 {
		matching = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return lastPart(name) != lastPart(file) })
	}
	if len(matching) == 0 && len(names) == 1 {
		matching = names
	}
	switch {
	case len(names) == 0:
		return "", "", "no keep rule names a list, so that nothing would obey it"
	case len(matching) != 1:
		return "", "", fmt.Sprintf("it is not clear which list this is: write NAME=FILE, where NAME is one of %q", names)
	}
	return matching[0], file, ""
}

func lastPart(path string) string { return filepath.Base(filepath.FromSlash(path)) }

// pathOf returns the path of a file that a policy names.
func pathOf(policyPath, name string) string {
	path := filepath.FromSlash(name)
	if filepath.IsAbs(path) || policyPath == "" || policyPath == "-" {
		return path
	}
	return filepath.Join(filepath.Dir(policyPath), path)
}

func readInUse(name, path string) (*policy.InUse, error) {
	missing := func(err error) error {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err
		}
		return &policy.InUseError{Name: name, Detail: policy.InUseMissing,
			Problem: fmt.Sprintf("cannot read the file %q: %v", path, err)}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, missing(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, missing(err)
	}
	r := &limited{r: f, left: MaxInUse}
	list, err := policy.ParseInUse(name, r, info.ModTime())
	switch {
	case r.err != nil:
		return nil, missing(r.err)
	case err != nil && lastPart(path) != lastPart(name): // it was given in place of the list
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, err
}

// errTooLong is why a file is not read to its end.
var errTooLong = fmt.Errorf("it is larger than %d bytes", MaxInUse)

// limited reads a file that must not be longer than it may be: half a list would let images go
// that are in use.
type limited struct {
	r    io.Reader
	left int
	err  error // other than the end
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= n; l.left < 0 {
		n, err = 0, errTooLong
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}
