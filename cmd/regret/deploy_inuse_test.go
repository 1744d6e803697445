//go:build unix

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// made is when the lists of these tests are made, as the program date says.
const made = "2026-11-26T12:00:00Z"

// programs are scripts that stand in for the programs that a recipe asks. A program that is given
// other arguments than it expects fails.
type programs map[string]string

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// recipe is what a script does with what the programs say.
type recipe struct {
	name     string
	script   string
	args     []string // after the file
	programs programs
	want     []string // lines after the first; none: it fails and writes nothing
}

func TestInUseRecipesWriteListsThatPoliciesRead(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, r := range recipes() {
		tested[r.script] = true
		t.Run(r.script+": "+r.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			list := filepath.Join(folder, "in use.txt")
			output, err := r.run(t, list)
			if len(r.want) == 0 {
				if err == nil {
					t.Fatalf("it did not fail, and printed %s", output)
				}
				checkFolder(t, folder)
				return
			}
			if err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			checkFolder(t, folder, "in use.txt")
			text := readFile(t, list)
			if diff := cmp.Diff("# made "+made+"\n"+strings.Join(r.want, "\n")+"\n", text); diff != "" {
				t.Errorf("the list (-want +got):\n%s", diff)
			}
			read, err := policy.ParseInUse("in use.txt", strings.NewReader(text), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if got := read.Made().Format(time.RFC3339); got != made {
				t.Errorf("made %s, want %s", got, made)
			}
		})
	}
	for _, path := range filesOf(t, "in-use/*") {
		if !tested[filepath.Base(path)] {
			t.Errorf("%s is not tested", path)
		}
	}
}

func TestInUseRecipesLeaveAnOldListWhenTheyFail(t *testing.T) {
	t.Parallel()
	for _, r := range recipes() {
		if len(r.want) > 0 {
			continue
		}
		t.Run(r.script+": "+r.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			list := filepath.Join(folder, "in-use.txt")
			if err := os.WriteFile(list, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			if output, err := r.run(t, list); err == nil {
				t.Errorf("it did not fail, and printed %s", output)
			}
			checkFolder(t, folder, "in-use.txt")
			if got := readFile(t, list); got != "old" {
				t.Errorf("the list is now %q", got)
			}
		})
	}
}

func TestInUseRecipesSayHowTheyAreUsed(t *testing.T) {
	t.Parallel()
	for _, path := range filesOf(t, "in-use/*") {
		output, err := exec.Command("sh", path).CombinedOutput()
		if want := "usage: sh " + filepath.Base(path) + " FILE"; err == nil || !strings.Contains(string(output), want) {
			t.Errorf("without arguments %s says %q (%v), want %q", path, output, err, want)
		}
	}
}

// run runs the script with the programs first on the path.
func (r recipe) run(t *testing.T, list string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	r.programs["date"] = `[ "$*" = "-u +%Y-%m-%dT%H:%M:%SZ" ] && echo ` + made
	for name, body := range r.programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{filepath.Join(deploy, "in-use", r.script), list}, r.args...)...)
	cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// checkFolder compares the names of the files in a folder.
func checkFolder(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
