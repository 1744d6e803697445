package cli

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// undoFiles are the files of an undo folder after a run that got to its end.
var undoFiles = []string{"blobs", "index.json", "journal.jsonl", "oci-layout", "plan.json", "report.json"}

func TestApplyCarriesOutAPlan(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	path, undo := planFile(t, host, reg, removesPullRequests), folder(t)
	const report = "deleted 3\nwith them: deleted 2\n2 kept images are whole: 2 manifests, 4 blobs.\n" +
		"Disk space comes back when the registry collects its garbage; until then this can be undone.\n"
	got := run(t, "apply", path, "--archive", undo, "--verify")
	want := outcome{exit.Done, report, "Removes 3 images (4 tags) from " + host + "/team/app.  Undo: regret restore " + undo + "\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"latest", "stable"}, tagsOf(reg)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(undoFiles, filesBelow(t, undo)); diff != "" {
		t.Errorf("the undo folder (-want +got):\n%s", diff)
	}

	reg.ResetLog()
	again := run(t, "apply", path, "--archive", undo, "--verify")
	again.checkCode(t, exit.Done)
	if again.out != report || !strings.Contains(again.errors, "this plan was carried out before, until ") {
		t.Errorf("again: %s%s", again.out, again.errors)
	}
	checkNoRequests(t, reg)
}

func TestApplyAsksAtATerminal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		args   []string
		ci     bool
		asks   bool
		want   exit.Code
	}{
		"the number of images is consent":       {"3", nil, false, true, exit.Done},
		"another number is not":                 {"4", nil, false, true, exit.Usage},
		"yes is not":                            {"yes", nil, false, true, exit.Usage},
		"nothing is not":                        {"", nil, false, true, exit.Usage},
		"--yes asks nothing":                    {"", []string{"--yes"}, false, false, exit.Done},
		"in CI nothing is asked":                {"", nil, true, false, exit.Done},
		"--expect says only which plan it is":   {"", []string{"--expect", "PLAN"}, false, true, exit.Usage},
		"a dry run asks nothing":                {"", []string{"-n"}, false, false, exit.Done},
		"quarantine asks for the number, too":   {"4", []string{"--quarantine"}, false, true, exit.Usage},
		"without progress the question is same": {"3", []string{"--no-progress", "-q"}, false, true, exit.Done},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock()
			host := serve(t, reg)
			path, undo := planFile(t, host, reg, removesPullRequests), folder(t)
			p, question := atTerminal(test.answer)
			if test.ci {
				p.env = map[string]string{"CI": "true"}
			}
			args := slices.Clone(test.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "PLAN", string(digestOfFile(t, path)))
			}
			got := p.run(t, append([]string{"apply", path, "--archive", undo}, args...)...)
			got.checkCode(t, test.want)
			if asked := question.String() == "Type the number of images to go on: "; asked != test.asks {
				t.Errorf("asked %q", question)
			}
			if test.asks && !strings.Contains(got.errors, "3 images (4 tags)") {
				t.Errorf("it does not say what goes: %s", got.errors)
			}
			if test.want == exit.Done && !slices.Contains(args, "-n") {
				return
			}
			checkNoRequests(t, reg)
			if files := filesBelow(t, undo); files != nil {
				t.Errorf("there is %v", files)
			}
		})
	}
}

func TestApplyAsksForThePlansTogether(t *testing.T) {
	t.Parallel()
	one, other := newStock(), newStock()
	first, second := planFile(t, serve(t, one), one, removesPullRequests), planFile(t, serve(t, other), other, removesPullRequests)
	p, question := atTerminal("6")
	undo := folder(t)
	got := p.run(t, "apply", first, second, first, "--archive", undo)
	got.checkCode(t, exit.Done)
	if !strings.Contains(got.errors, "In all: 6 images (8 tags).\n") || strings.Count(question.String(), "number") != 1 {
		t.Errorf("%s%s", got.errors, question)
	}
	for _, reg := range []*fakeregistry.Registry{one, other} {
		if tags := tagsOf(reg); len(tags) != 2 {
			t.Errorf("tags are %v", tags)
		}
	}
	if folders := filesBelow(t, undo); len(folders) != 2 {
		t.Errorf("there is %v", folders)
	}
}

func TestApplyRefusesBeforeTheFirstRequest(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	path := planFile(t, host, reg, removesPullRequests)
	dgst := string(digestOfFile(t, path))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := writeFile(t, "plan.json", strings.ReplaceAll(string(content), "pr-2", "pr-9"))
	elsewhere := newStock()
	second := planFile(t, serve(t, elsewhere), elsewhere, removesPullRequests)
	older := planFileAt(t, host, reg, removesPullRequests, "-200h")
	other := "sha256:" + strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		args []string
		want exit.Code
		says string
	}{
		"no plan":                          {nil, exit.Usage, "needs plan files"},
		"a file that is not there":         {[]string{path + "x"}, exit.Usage, "no such file"},
		"a folder":                         {[]string{t.TempDir()}, exit.Usage, "name the plans in it"},
		"what is no plan":                  {[]string{writeFile(t, "plan.json", "{}")}, exit.Usage, "is no plan"},
		"a report":                         {[]string{writeFile(t, "plan.json", `{"regret":"report/1"}`)}, exit.Usage, "is no plan, but a report"},
		"a login for two registries":       {[]string{path, second, "--username", "mallory", "--password-stdin"}, exit.Usage, "set REGRET_REGISTRY="},
		"an edited plan":                   {[]string{edited}, exit.Usage, "plan"},
		"one bad plan of several":          {[]string{path, edited}, exit.Usage, "plan"},
		"another plan than expected":       {[]string{path, "--expect", other}, exit.Unsafe, "it is " + dgst},
		"an expected plan that is missing": {[]string{path, "--expect", dgst, "--expect", other}, exit.Unsafe, "none of them is"},
		"a digest that is none":            {[]string{path, "--expect", "77ad"}, exit.Usage, "is no digest"},
		"a plan that is too old":           {[]string{older}, exit.Unsafe, "make a new one"},
		"a wrong age":                      {[]string{path, "--max-age", "7"}, exit.Usage, "--max-age"},
		"-R without -p":                    {[]string{"-R", host}, exit.Usage, "-R needs -p"},
		"--match without -p":               {[]string{path, "--match", "a"}, exit.Usage, "--match needs -p"},
		"--by-overwrite alone":             {[]string{path, "--by-overwrite"}, exit.Usage, "needs --quarantine"},
		"a report that is a folder":        {[]string{path, "--report", t.TempDir()}, exit.Usage, "--report"},
		"an in-use list of no rule":        {[]string{path, "--in-use", path}, exit.Usage, "no rule"},
		"a format that it has not":         {[]string{path, "-o", "html"}, exit.Usage, "-o is"},
		"an archive that is a file":        {[]string{path, "--archive", path}, exit.Usage, "is a file: name a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"apply"}, test.args...)
			if !slices.Contains(args, "--archive") {
				args = append(args, "--archive", folder(t))
			}
			got := process{stdin: "correct-horse-battery\n"}.run(t, args...)
			got.checkCode(t, test.want)
			if !strings.Contains(got.errors, test.says) || got.out != "" {
				t.Errorf("%s%s", got.out, got.errors)
			}
		})
	}
	t.Cleanup(func() { checkNoRequests(t, reg); checkNoRequests(t, elsewhere) })
}

func TestApplyTakesOlderPlansOnRequest(t *testing.T) {
	t.Parallel()
	for _, age := range []string{"0", "2w"} {
		reg := newStock()
		path := planFileAt(t, serve(t, reg), reg, removesPullRequests, "-200h")
		run(t, "apply", path, "--max-age", age, "--archive", folder(t)).checkCode(t, exit.Done)
	}
}

// TestApplyEndsWithTheCodeOfItsReport has one row for each code of a run.
func TestApplyEndsWithTheCodeOfItsReport(t *testing.T) {
	t.Parallel()
	deny := func(n, status int, code string) func(*testing.T, *fakeregistry.Registry) {
		return func(_ *testing.T, reg *fakeregistry.Registry) {
			reg.Intercept(n, fakeregistry.On(http.MethodDelete, "/v2/"), fakeregistry.Errors(status, code, "no"))
		}
	}
	for name, test := range map[string]struct {
		before func(*testing.T, *fakeregistry.Registry)
		want   exit.Code
		says   string // on stdout or stderr
	}{
		"nothing is to be done any more": {func(t *testing.T, reg *fakeregistry.Registry) { removeAll(t, reg, "pr-") }, exit.Done, "already gone"},
		"a step fails":                   {deny(1, http.StatusBadRequest, "UNKNOWN"), exit.Failed, "failed 1"},
		"a tag was pushed since": {func(t *testing.T, reg *fakeregistry.Registry) {
			reg.SetTag(stocked, "new", must(reg.Tag(stocked, "pr-2")))
		}, exit.Partial, "stale 1 (pr-2: "},
		"deletion is disabled": {deny(0, http.StatusMethodNotAllowed, "UNSUPPORTED"), exit.NotAllowed, "refused"},
		"a tag was moved onto what goes": {func(_ *testing.T, reg *fakeregistry.Registry) {
			two := must(reg.Tag(stocked, "pr-2"))
			reg.BeforeEach(func(req *http.Request) {
				if req.Method == http.MethodDelete && strings.HasSuffix(req.URL.Path, string(two)) {
					reg.SetTag(stocked, "stable", two)
				}
			})
		}, exit.Unknown, "LOST: the tag stable, last seen on "},
		"a tag is still there": {func(_ *testing.T, reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On(http.MethodDelete, "/v2/team/app/manifests/"+string(must(reg.Tag(stocked, "pr-2")))), fakeregistry.Answer(http.StatusAccepted, nil, ""))
		}, exit.Partial, "still present: the tag pr-2: still serves "},
		"what a rule keeps is gone": {func(t *testing.T, reg *fakeregistry.Registry) { removeAll(t, reg, "latest") }, exit.Unsafe, "keep rule"},
		"the registry is down": {func(t *testing.T, reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Errors(400, "UNKNOWN", "no"))
		}, exit.Failed, "Error: "},
		"the tags are for others only": {func(t *testing.T, reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Errors(403, "DENIED", "no"))
		}, exit.NotAllowed, "Error: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock()
			path := planFile(t, serve(t, reg), reg, removesPullRequests)
			test.before(t, reg)
			got := run(t, "apply", path, "--archive", folder(t))
			got.checkCode(t, test.want)
			if !strings.Contains(got.out+got.errors, test.says) {
				t.Errorf("it does not say %q:\n%s%s", test.says, got.out, got.errors)
			}
		})
	}
}

func TestApplyTriesAgainWhatFailed(t *testing.T) {
	t.Parallel()
	reg := newStock()
	path, undo := planFile(t, serve(t, reg), reg, removesPullRequests), folder(t)
	reg.Intercept(1, fakeregistry.On(http.MethodDelete, "/v2/"), fakeregistry.Errors(http.StatusBadRequest, "UNKNOWN", "no"))
	run(t, "apply", path, "--archive", undo).checkCode(t, exit.Failed)
	got := run(t, "apply", path, "--archive", undo)
	got.checkCode(t, exit.Done)
	if !strings.HasPrefix(got.out, "deleted 3\n") || len(tagsOf(reg)) != 2 {
		t.Errorf("%s%v", got.out, tagsOf(reg))
	}
	reg.ResetLog()
	run(t, "apply", path, "--archive", undo).checkCode(t, exit.Done)
	checkNoRequests(t, reg)
}

// A journal that has something to try again leads to deletions, whatever else it has.
func TestApplyAsksBeforeItTriesAgain(t *testing.T) {
	t.Parallel()
	reg := newStock()
	path, undo := planFile(t, serve(t, reg), reg, removesPullRequests), folder(t)
	failed, unknown := "/v2/team/app/manifests/"+string(must(reg.Tag(stocked, "pr-1"))), "/v2/team/app/manifests/"+string(must(reg.Tag(stocked, "pr-2")))
	down := false
	reg.Intercept(0, fakeregistry.On("", "/v2/team/app/manifests/"), func(w http.ResponseWriter, req *http.Request) bool {
		switch isDelete := req.Method == http.MethodDelete; {
		case isDelete && req.URL.Path == failed:
			return fakeregistry.Errors(http.StatusBadRequest, "UNKNOWN", "no")(w, req)
		case req.URL.Path == unknown && (isDelete || down):
			down = true
			return fakeregistry.Answer(http.StatusOK, map[string]string{"Content-Type": "text/html"}, "<html>")(w, req)
		}
		return false
	})
	run(t, "apply", path, "--archive", undo, "-j", "1").checkCode(t, exit.Unknown)
	reg.ResetLog()
	p, question := atTerminal("no")
	p.run(t, "apply", path, "--archive", undo).checkCode(t, exit.Usage)
	if question.Len() == 0 {
		t.Error("it does not ask")
	}
	checkNoWrites(t, reg)
}
