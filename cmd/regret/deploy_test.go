package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
)

// deploy is the folder of files that people copy.
const deploy = "../../deploy"

// readFile returns the content of a file with line ends of Unix.
func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// documents returns the YAML documents of a file, each as it is written.
func documents(t *testing.T, path string) []string {
	t.Helper()
	return strings.Split(readFile(t, path), "\n---\n")
}

// decode decodes one YAML document. A key that the value has no field for is an error, and so is a
// repeated one.
func decode(t *testing.T, document string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(document), yaml.DisallowUnknownField())
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
}

// filesOf returns the files of deploy whose name matches a pattern.
func filesOf(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(deploy, filepath.FromSlash(pattern)))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	return paths
}

func TestPoliciesToStartFromAreValid(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{ // the scripts in in-use that the comments name
		"branches.yaml":      "branches.sh",
		"pull-requests.yaml": "pull-requests.sh",
	}
	for _, path := range filesOf(t, "policies/*") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			p, err := policyfile.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text := readFile(t, path)
			if !strings.HasPrefix(text, "# ") {
				t.Error("no comment says what the policy is for")
			}
			if files := p.Files(); len(files) > 0 && !strings.Contains(text, files[0]+" before each run") {
				t.Errorf("no comment says that %s is made before each run", files[0])
			}
			if script := scripts[filepath.Base(path)]; script != "" && !strings.Contains(text, "../in-use/"+script) {
				t.Errorf("no comment names %s", script)
			}
			for _, rule := range slices.Concat(p.Keep(), p.Remove()) {
				if strings.ContainsAny(rule.Name(), `"`) {
					t.Errorf("the rule %s has no name of its own", rule.Name())
				}
			}
		})
	}
}

func TestTheImageIsSmallAndHasNoRoot(t *testing.T) {
	t.Parallel()
	var froms []string
	last := map[string]string{} // the last line of each instruction in the last stage
	text := strings.ReplaceAll(readFile(t, deploy+"/Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch instruction {
		case "FROM":
			froms, last = append(froms, rest), map[string]string{}
		case "COPY", "RUN", "ARG", "ENV":
			last[instruction] += rest + "\n"
		case "#", "":
		default:
			last[instruction] = rest
		}
	}
	if len(froms) != 2 || froms[1] != "scratch" {
		t.Errorf("FROM %q, want two stages of which the second is scratch", froms)
	}
	if last["USER"] != "65532:65532" {
		t.Errorf("USER %s, want a number, because Kubernetes cannot see that a name is not root", last["USER"])
	}
	if last["ENTRYPOINT"] != `["/usr/local/bin/regret"]` {
		t.Errorf("ENTRYPOINT %s, want the command itself, because there is no shell", last["ENTRYPOINT"])
	}
	for _, want := range []string{"/etc/ssl/certs/ca-certificates.crt", "/usr/local/bin/regret"} {
		if !strings.Contains(last["COPY"], want+"\n") {
			t.Errorf("the image has no %s", want)
		}
	}
	if last["RUN"] != "" || last["ENV"] != "" || last["ARG"] != "" {
		t.Error("the image has more than files")
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "-ldflags='-s -w'", "-C cmd/regret"} {
		if !strings.Contains(text, want) || !strings.Contains(readFile(t, "../../.ci/release")+"-C cmd/regret", want) {
			t.Errorf("the binary is not built with %s as in a release", want)
		}
	}
}

func TestFilesToCopyEndInOneNewlineAndHaveNoTabs(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(deploy, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("\t")) || bytes.Contains(data, []byte(" \n")) ||
			!bytes.HasSuffix(data, []byte("\n")) || bytes.HasSuffix(data, []byte("\n\n")) {
			t.Errorf("%s has tabs, spaces at the end of a line, or no newline at its end", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
