package main_test

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestReleaseBuildsABinaryThatNeedsNothing builds a release for this system, and runs it where there
// is nothing else, as in an image from scratch: no library, no zone files, no home, no environment.
func TestReleaseBuildsABinaryThatNeedsNothing(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "../../.ci/release", "devel", "linux/"+runtime.GOARCH)
	cmd.Env = append(os.Environ(), "RELEASE_DIR="+out)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	name := "regret_devel_linux_" + runtime.GOARCH
	checkFolder(t, out, "LICENSES.txt", "SHA256SUMS", name)
	binary := filepath.Join(out, name)
	checkBinary(t, binary)

	var sums strings.Builder
	for _, name := range []string{name, "LICENSES.txt"} {
		sum := sha256.Sum256([]byte(readRaw(t, filepath.Join(out, name))))
		sums.WriteString(hex.EncodeToString(sum[:]) + "  " + name + "\n")
	}
	if got := readFile(t, filepath.Join(out, "SHA256SUMS")); got != sums.String() {
		t.Errorf("SHA256SUMS has %q, want %q", got, sums.String())
	}
	licences := readFile(t, filepath.Join(out, "LICENSES.txt"))
	for _, want := range []string{"== regret\n", "== Go\n", "== github.com/spf13/cobra\n", "== golang.org/x/term\n"} {
		if !strings.Contains(licences, want) {
			t.Errorf("LICENSES.txt has no %q", want)
		}
	}

	empty := t.TempDir()
	if err := os.Rename(binary, filepath.Join(empty, "regret")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("it says its version", func(t *testing.T) {
		if output, err := inEmptyRoot(t, empty, "version"); err != nil || !strings.HasPrefix(output, "regret ") {
			t.Errorf("%v: %s", err, output)
		}
	})
	t.Run("it knows the zones that policies name", func(t *testing.T) {
		writePolicy(t, empty, "Europe/Berlin")
		if output, err := inEmptyRoot(t, empty, "plan", "--print-policy", "-p", "/policy.yaml"); err != nil || !strings.Contains(output, "Europe/Berlin") {
			t.Errorf("%v: %s", err, output)
		}
	})
	t.Run("it refuses a zone that does not exist", func(t *testing.T) {
		writePolicy(t, empty, "Europe/Nowhere")
		if output, err := inEmptyRoot(t, empty, "plan", "--print-policy", "-p", "/policy.yaml"); err == nil || !strings.Contains(output, "Europe/Nowhere") {
			t.Errorf("%v: %s", err, output)
		}
	})
}

// checkBinary checks that a binary is static, without symbols and without paths of this machine.
func checkBinary(t *testing.T, path string) {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		t.Errorf("built with %v", settings)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs the libraries %q (%v)", libraries, err)
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
		t.Error("it has symbols")
	}
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains([]byte(readRaw(t, path)), []byte(checkout)) {
		t.Errorf("it has the path %s", checkout)
	}
}

// readRaw returns the content of a file, byte for byte.
func readRaw(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// writePolicy writes policy.yaml with a rule that asks for days in a zone.
func writePolicy(t *testing.T, folder, zone string) {
	t.Helper()
	text := "version: 1\nkeep: [{name: nightlies, tags: 'nightly-*', daily: 7, zone: " + zone + "}]\n" +
		"remove: [{name: old, tags: 'nightly-*'}]\n"
	if err := os.WriteFile(filepath.Join(folder, "policy.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// inEmptyRoot runs regret in a root folder that has nothing else, with an empty environment. Only root
// may change the root folder, which everybody is in a user namespace of their own.
func inEmptyRoot(t *testing.T, folder string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/regret", args...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: folder}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	output, err := cmd.CombinedOutput()
	return string(output), err
}

func TestReleaseRefusesWhatIsNoRelease(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ version, want string }{
		"no version":                        {"", "usage: .ci/release VERSION"},
		"a version without a v":             {"1.2.3", "1.2.3 is no version"},
		"a name that leads elsewhere":       {"../v1.2.3", "is no version"},
		"a version that has no tag":         {"v999.0.0", "HEAD is not the tag cmd/regret/v999.0.0"},
		"a pre-release that has no tag":     {"v999.0.0-rc.1", "HEAD is not the tag cmd/regret/v999.0.0-rc.1"},
		"a version with something after it": {"v1.2.3 ", "is no version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			cmd := exec.CommandContext(t.Context(), "../../.ci/release", test.version)
			cmd.Env = append(os.Environ(), "RELEASE_DIR="+out)
			output, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(output), test.want) {
				t.Errorf("%v: %s, want %s", err, output, test.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("it has written something")
			}
		})
	}
}
