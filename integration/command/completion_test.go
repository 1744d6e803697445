package command_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// bashCompletion is where Debian's package bash-completion and most others have it.
const bashCompletion = "/usr/share/bash-completion/bash_completion"

// completeScript does what bash does when the tab key is pressed at the end of a line. bash breaks
// words at colons, and puts what is completed in place of the last part.
const completeScript = `
source "$1"
source <(regret completion bash)
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_KEY=9
IFS=$' ' read -ra spaced <<<"$COMP_LINE"
COMP_WORDS=()
for word in "${spaced[@]}"; do
	while [[ $word == *:* ]]; do
		[[ -z ${word%%:*} ]] || COMP_WORDS+=("${word%%:*}")
		COMP_WORDS+=(:) word=${word#*:}
	done
	[[ -z $word ]] || COMP_WORDS+=("$word")
done
[[ $COMP_LINE != *" " ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; } # works only inside a completion that bash itself has begun
__start_regret
printf '%s\n' "${COMPREPLY[@]}"
`

// complete presses tab at the end of a line in bash, and returns what is offered.
func (s *shell) complete(t *testing.T, line string) []string {
	t.Helper()
	got := finish(t, s.program(t, "bash", "--norc", "-c", completeScript, "bash", bashCompletion, line))
	if got.code != 0 || got.stderr != "" {
		t.Errorf("%q: code %d, stderr: %s", line, got.code, got.stderr)
	}
	var offered []string
	for _, text := range nonEmptyLines(got.stdout) {
		word, _, _ := strings.Cut(strings.TrimSpace(text), "  ") // a description follows
		offered = append(offered, word)
	}
	slices.Sort(offered)
	return offered
}

// nonEmptyLines returns the lines of a text that are not empty.
func nonEmptyLines(text string) (lines []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(bashCompletion); err != nil {
		t.Fatalf("the test needs bash-completion: run apt-get install bash-completion: %v", err)
	}
	fake, s := onFake(t, "spec")
	fake.PutImage("team/app", regrettest.Image{}, "1.0", "1.1", "latest")
	fake.PutImage("team/api", regrettest.Image{}, "2.0")
	fake.PutImage("other", regrettest.Image{}, "3.0")
	sh := newShell(t)
	fake.ResetRequests()
	for line, want := range map[string][]string{
		"regret res":                               {"resolve", "restore"},
		"regret ver":                               {"version"},
		"regret plan --exit":                       {"--exit-code"},
		"regret plan -o ":                          {"json", "jsonl", "name", "table", "tree"},
		"regret --color ":                          {"always", "auto", "never"},
		"regret resolve " + s.host + "/team/a":     {"team/api", "team/app"},
		"regret ls " + s.host + "/team/ap":         {"team/api", "team/app"},
		"regret resolve " + s.host + "/team/app:":  {"1.0", "1.1", "latest"},
		"regret resolve " + s.host + "/team/app:1": {"1.0", "1.1"},
		"regret rm " + s.host + "/team/app:l":      {"latest"},
		"regret resolve " + s.host + "/none:":      nil,
		"regret ls " + s.host + "/team/app:":       nil,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := sh.complete(t, line)
			for i, name := range got { // bash replaces only what follows the last colon
				got[i] = strings.TrimPrefix(name, s.host[strings.Index(s.host, ":")+1:]+"/")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("offered (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("files", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		fake.PutImage("team/app", regrettest.Image{}, "1.0")
		sh := newShell(t, "REGRET_COMPLETE=files")
		if got := sh.complete(t, "regret resolve "+s.host+"/team/a"); len(got) > 0 {
			t.Errorf("offered: %q", got)
		}
		if requests := fake.Requests(); len(requests) > 0 {
			t.Errorf("requests were sent: %v", requests)
		}
	})
	t.Run("a registry that does not respond is given up within 3 s", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		fake.Inject(0, "", "*", regrettest.Hang())
		began := time.Now()
		cmd := newShell(t).command(t, "__complete", "resolve", s.host+"/team/app:")
		got := finish(t, cmd)
		if took := time.Since(began); took > 3*time.Second || got.code != 0 || strings.Contains(got.stdout, "team") {
			t.Errorf("it took %v: code %d, %s", took, got.code, got.stdout)
		}
	})
	t.Run("it asks for no password, and says nothing about one that is wrong", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec", regrettest.WithBasicAuth("me", canary))
		fake.PutImage("team/app", regrettest.Image{}, "1.0")
		sh := newShell(t)
		sh.write(t, ".docker/config.json", `{"auths":{"`+s.host+`":{"auth":"bWU6d3Jvbmc="}}}`)
		if got := sh.complete(t, "regret resolve "+s.host+"/team/app:"); len(got) > 0 {
			t.Errorf("offered: %q", got)
		}
		if _, err := os.Stat(filepath.Join(sh.folder, "regret-undo")); err == nil {
			t.Error("it left a folder")
		}
	})
}
