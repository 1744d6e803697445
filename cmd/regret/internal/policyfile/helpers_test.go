package policyfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// read reads a policy in YAML that has no faults.
func read(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policyfile.Read("policy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return p
}

// faults returns the faults of a file, which are errors of the one type.
func faults(t testing.TB, name, text string) policyfile.Errors {
	t.Helper()
	_, err := policyfile.Read(name, []byte(text))
	if err == nil {
		return nil
	}
	found, ok := errors.AsType[policyfile.Errors](err)
	if !ok || len(found) == 0 {
		t.Fatalf("not a list of faults: %v", err)
	}
	return found
}

// places returns the positions and kinds of faults.
func places(found policyfile.Errors) (all []string) {
	for _, e := range found {
		all = append(all, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Detail))
	}
	return all
}

// same checks that two policies are the same.
func same(t testing.TB, want, got *policy.Policy) {
	t.Helper()
	if diff := cmp.Diff(string(want.JSON()), string(got.JSON())); diff != "" {
		t.Fatalf("another policy (-want +got):\n%s", diff)
	}
}

// write writes a file into a folder, and returns its path.
func write(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// contains checks that a message has all parts.
func contains(t testing.TB, message string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(message, part) {
			t.Errorf("the message lacks %q:\n%s", part, message)
		}
	}
}
