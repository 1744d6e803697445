package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// newTrashcan returns a registry of whose images three were put in the trash today, and one long
// ago, and its host.
func newTrashcan(t *testing.T) (*fakeregistry.Registry, string) {
	t.Helper()
	reg := newStock()
	host := serve(t, reg)
	old := reg.PutImage(stocked, "old")
	reg.SetTag(stocked, "regret-trash-20260101-0123abcd-"+old.Digest.Encoded()[:12], old.Digest)
	path := planFile(t, host, reg, removesPullRequests)
	run(t, "apply", path, "--quarantine", "--archive", folder(t)).checkCode(t, exit.Done)
	reg.ResetLog()
	return reg, host
}

func TestTrashLs(t *testing.T) {
	t.Parallel()
	reg, host := newTrashcan(t)
	got := run(t, "trash", "ls", host+"/team/app")
	got.checkCode(t, exit.Done)
	lines := strings.Split(strings.TrimSuffix(got.out, "\n"), "\n")
	today := time.Now().UTC().Format(time.DateOnly)
	for _, want := range []string{"\t" + today + "\tpr-1 pr-1-again\tsha256:", "\t2026-01-01\t\tsha256:"} {
		if len(lines) != 4 || !strings.Contains(got.out, want) {
			t.Errorf("it does not have %q:\n%s", want, got.out)
		}
	}
	got = run(t, "trash", "ls", host+"/team/app", "-o", "json")
	var list struct {
		Regret string
		Items  []trashed
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || list.Regret != "trash/1" || len(list.Items) != 4 {
		t.Errorf("%v: %s", err, got.out)
	}
	checkNoWrites(t, reg)
	got = run(t, "trash", "ls", serve(t, newStock())+"/team/app")
	if got.checkCode(t, exit.Done); got.out != "" {
		t.Errorf("of an empty trash: %s", got.out)
	}
}

func TestTrashRestore(t *testing.T) {
	t.Parallel()
	reg, host := newTrashcan(t)
	app := host + "/team/app"
	run(t, "trash", "restore", app, "-n")
	checkNoWrites(t, reg)
	got := run(t, "trash", "restore", app)
	got.checkCode(t, exit.Partial) // the old one has no name any more
	for _, want := range []string{"4 restored", "1 lost"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("it does not say %q: %s", want, got.out)
		}
	}
	want := newStock().Tags(stocked)
	left := reg.Tags(stocked)
	for tag := range left {
		if strings.HasPrefix(tag, "regret-trash-20260101-") {
			delete(left, tag)
		}
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	got = run(t, "trash", "restore", serve(t, newStock())+"/team/app")
	if got.checkCode(t, exit.Done); !strings.Contains(got.errors, "is empty") {
		t.Error(got.errors)
	}
}

func TestTrashEmpty(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args     []string
		terminal string // what is typed; empty: there is none
		want     exit.Code
		deletes  int
		requests bool
	}{
		"what was put there before today goes": {[]string{"--yes"}, "", exit.Done, 1, true},
		"what is younger stays":                {[]string{"--yes", "--older-than", "90y"}, "", exit.Done, 0, true},
		"a dry run":                            {[]string{"-n"}, "", exit.Done, 0, true},
		"without consent nothing is sent":      {nil, "", exit.Usage, 0, false},
		"the number of images is consent":      {nil, "1", exit.Done, 1, true},
		"another number is not":                {nil, "4", exit.Usage, 0, true},
		"an age that is none":                  {[]string{"--yes", "--older-than", "14"}, "", exit.Usage, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg, host := newTrashcan(t)
			before := tagsOf(reg)
			p := process{}
			if test.terminal != "" {
				p, _ = atTerminal(test.terminal)
			}
			got := p.run(t, append([]string{"trash", "empty", host + "/team/app", "--archive", folder(t)}, test.args...)...)
			got.checkCode(t, test.want)
			deletes := 0
			for _, write := range reg.Writes() {
				if write.Method == http.MethodDelete {
					deletes++
				}
			}
			if deletes != test.deletes || len(before)-len(tagsOf(reg)) != test.deletes {
				t.Errorf("%d deletions:\n%s%s", deletes, got.out, got.errors)
			}
			if !test.requests {
				checkNoRequests(t, reg)
			}
			if test.deletes == 0 && test.want == exit.Done && len(test.args) == 3 && !strings.Contains(got.errors, "for that long") {
				t.Errorf("it does not say why: %s", got.errors)
			}
			if deletes > 0 && !strings.Contains(got.errors, "Removes 1 image (1 tag) from ") {
				t.Error(got.errors)
			}
		})
	}
}

func TestTrashIsAGroupOfCommands(t *testing.T) {
	t.Parallel()
	got := run(t, "trash")
	if got.checkCode(t, exit.Done); !strings.Contains(got.out, "trash empty") {
		t.Error(got.out)
	}
	for _, args := range [][]string{{"trash", "emtpy"}, {"trash", "ls"}, {"trash", "empty"}, {"trash", "restore", "a/b", "c/d"}, {"trash", "ls", "localhost:5000/app:v1"}} {
		run(t, args...).checkCode(t, exit.Usage)
	}
}
