package policyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

const (
	// MaxSize is how many bytes a policy file may have.
	MaxSize = 1 << 20
	// maxFaults is how many faults are looked for.
	maxFaults = 1000
)

// Read reads a policy from data, the content of a file of some name. A name that ends in
// .json is JSON, and one that ends in .yaml or .yml is YAML. Any other name, such as "-", is
// JSON if the content begins as a JSON object does, and YAML otherwise.
// [policy.Policy.JSON] has the canonical form.
//
// Errors: [Errors], in the order of the file, in which errors.As also finds [*Error] and
// [*policy.Error].
func Read(name string, data []byte) (*policy.Policy, error) {
	whole := &source{name: name}
	if len(data) > MaxSize {
		return nil, Errors{whole.fault(position{}, TooLarge, "the file is larger than %d bytes: this is no policy", MaxSize)}
	}
	data, fault := decode(name, data)
	if fault != nil {
		return nil, Errors{fault}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, Errors{whole.fault(position{}, Empty, "the file is empty: a policy begins with version: 1")}
	}
	var p *policy.Policy
	var found Errors
	if isJSON(name, data) {
		p, found = readJSON(name, data)
	} else {
		p, found = readYAML(name, data)
	}
	if len(found) > 0 {
		return nil, found.sorted()
	}
	return p, nil
}

// ReadFile reads a policy from a file, see [Read]. The name "-" is a file like any other.
//
// Errors: as those of Read; an [*Error] with [Unreadable] if the file cannot be read.
func ReadFile(path string) (*policy.Policy, error) {
	data, err := readAll(path, MaxSize+1)
	if err != nil {
		return nil, Errors{{File: path, Detail: Unreadable, Err: reason(err)}}
	}
	return Read(path, data)
}

// readAll reads at most some bytes of a file.
func readAll(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// reason returns why a file cannot be read, without its name.
func reason(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return fmt.Errorf("cannot read the file: %w", err)
}

func isJSON(name string, data []byte) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		return true
	case ".yaml", ".yml":
		return false
	}
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(data), []byte("{"))
	rest = bytes.TrimSpace(rest)
	return ok && (len(rest) == 0 || rest[0] == '"' || rest[0] == '}')
}

// readYAML gives the library what a file in YAML says.
func readYAML(name string, data []byte) (*policy.Policy, Errors) {
	src := newSource(name, data)
	if found := src.checkCharacters(); len(found) > 0 {
		return nil, found
	}
	root, found := parseYAML(src)
	if root == nil {
		return nil, found
	}
	c := &converter{src: src, root: root, shape: documentShape(), faults: found}
	c.value(root, c.shape, "")
	if c.full {
		return nil, c.faults
	}
	p, err := policy.Parse(c.out)
	c.duplicates(root, "")
	c.add(err)
	return p, c.faults
}

// readJSON gives a file in JSON to the library as it is. Only if there are faults does it
// look for their positions.
func readJSON(name string, data []byte) (*policy.Policy, Errors) {
	if bytes.Count(data, []byte(",")) > maxValues {
		whole := &source{name: name}
		return nil, Errors{whole.fault(position{}, TooLarge,
			"the policy has more than %d values: lists of images that must stay belong into an in-use list", maxValues)}
	}
	p, err := policy.Parse(data)
	if err == nil {
		return p, nil
	}
	src := newSource(name, data)
	if fault := syntaxOfJSON(src, data, err); fault != nil {
		return nil, Errors{fault}
	}
	root := parseJSON(data)
	c := &converter{src: src, root: root, shape: documentShape()}
	c.duplicates(root, "")
	c.add(err)
	return nil, c.faults
}
