package cli

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestRmDeletesAnImageWithItsParts(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host, undo := serve(t, reg), folder(t)
	before := reg.Tags(stocked)
	got := run(t, "rm", host+"/team/app:pr-3", "--yes", "--archive", undo)
	want := outcome{exit.Done, "deleted 1\nwith them: deleted 2\nDisk space comes back when the registry collects its garbage; until then this can be undone.\n",
		"Removes 1 image (1 tag) from " + host + "/team/app.  Undo: regret restore " + undo + "\n  " + host + "/team/app:pr-3\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"latest", "pr-1", "pr-1-again", "pr-2", "stable"}, tagsOf(reg)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	run(t, "restore", undo).checkCode(t, exit.Done)
	if diff := cmp.Diff(before, reg.Tags(stocked)); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

func TestRmRefusesTagsThatWereNotNamed(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	dgst, _ := reg.Tag(stocked, "pr-1")
	name := host + "/team/app"
	for args, want := range map[string]string{
		"APP:pr-1": "Error: DIGEST also carries the tag pr-1-again; both would go.\n" +
			"  Remove only this tag:   regret untag APP:pr-1\n" +
			"  Remove the image:       regret rm --with-tags APP:pr-1\n",
		"APP@DIGEST": "Error: DIGEST also carries the tags pr-1, pr-1-again; all would go.\n" +
			"  Remove only the tags:   regret untag APP:pr-1 APP:pr-1-again\n" +
			"  Remove the image:       regret rm --with-tags APP@DIGEST\n",
	} {
		replace := strings.NewReplacer("APP", name, "DIGEST", string(dgst))
		undo := folder(t)
		got := run(t, "rm", "--yes", replace.Replace(args), "--archive", undo)
		if diff := cmp.Diff(outcome{exit.Unsafe, "", replace.Replace(want)}, got, cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", args, diff)
		}
		if filesBelow(t, undo) != nil {
			t.Error("there is an undo folder")
		}
	}
	checkNoWrites(t, reg)
	run(t, "rm", "--yes", name+":pr-1", "--with-tags", "--archive", folder(t)).checkCode(t, exit.Done)
	if diff := cmp.Diff([]string{"latest", "pr-2", "pr-3", "stable"}, tagsOf(reg)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestRmEndsWithACodeForEachReason(t *testing.T) {
	t.Parallel()
	child := string(fakeregistry.New().PutImage(stocked, "arm").Digest) // a child of pr-3
	for name, test := range map[string]struct {
		args []string
		want exit.Code
		says string
		tags int // that are left, of 6
	}{
		"an image":                              {[]string{"APP:pr-2"}, exit.Done, "deleted 1", 5},
		"an image by its digest":                {[]string{"APP@DIGEST", "--with-tags"}, exit.Done, "deleted 1", 5},
		"all tags of an image":                  {[]string{"APP:pr-1", "APP:pr-1-again"}, exit.Done, "deleted 1", 4},
		"a tag that is not there":               {[]string{"APP:none"}, exit.NotFound, "regret ls APP", 6},
		"one of two is not there":               {[]string{"APP:none", "APP:pr-2"}, exit.NotFound, "not found: APP:none", 6},
		"one of two repositories is not there":  {[]string{"APP:pr-2", "HOST/team/none:v1"}, exit.NotFound, "Nothing was deleted", 6},
		"--ignore-missing takes the others":     {[]string{"APP:none", "APP:pr-2", "--ignore-missing"}, exit.Done, "APP:none is not there", 5},
		"--ignore-missing and nothing is there": {[]string{"APP:none", "--ignore-missing"}, exit.Done, "is not there", 6},
		"--ignore-missing allows nothing else":  {[]string{"APP:none", "APP:pr-1", "--ignore-missing"}, exit.Unsafe, "also carries", 6},
		"what an index needs":                   {[]string{"APP@" + child}, exit.Unsafe, "must stay", 6},
		"a dry run":                             {[]string{"APP:pr-2", "-n"}, exit.Done, "pr-2", 6},
		"a repository alone":                    {[]string{"APP"}, exit.Usage, "neither a tag nor a digest", 6},
		"a tag and a digest":                    {[]string{"APP:pr-2@DIGEST"}, exit.Usage, "name one of them", 6},
		"no reference":                          {nil, exit.Usage, "needs a reference", 6},
		"the trash":                             {[]string{"APP:pr-2", "--quarantine"}, exit.Done, "quarantined 1", 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock()
			host := serve(t, reg)
			dgst, _ := reg.Tag(stocked, "pr-2")
			replace := strings.NewReplacer("APP", host+"/team/app", "HOST", host, "DIGEST", string(dgst))
			args := []string{"rm", "--archive", folder(t)}
			if !slices.Contains(test.args, "-n") {
				args = append(args, "--yes")
			}
			for _, arg := range test.args {
				args = append(args, replace.Replace(arg))
			}
			got := run(t, args...)
			got.checkCode(t, test.want)
			if !strings.Contains(got.out+got.errors, replace.Replace(test.says)) {
				t.Errorf("it does not say %q:\n%s%s", test.says, got.out, got.errors)
			}
			if tags := tagsOf(reg); len(tags) != test.tags {
				t.Errorf("tags are %v", tags)
			}
			if test.want != exit.Done {
				checkNoWrites(t, reg)
			}
			if test.want == exit.Usage {
				checkNoRequests(t, reg)
			}
		})
	}
}

func TestRmRefusesABrokenRepository(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	reg.Intercept(0, fakeregistry.On("", "/v2/team/app/manifests/stable"), fakeregistry.Errors(http.StatusNotFound, "MANIFEST_UNKNOWN", "no"))
	got := run(t, "rm", "--yes", host+"/team/app:pr-2", "--archive", folder(t))
	got.checkCode(t, exit.Unsafe)
	checkNoWrites(t, reg)
	if !strings.Contains(got.errors, "regret untag "+host+"/team/app:stable") {
		t.Error(got.errors)
	}
}

func TestRmNeedsConsent(t *testing.T) {
	t.Parallel()
	reg := newStock()
	ref := serve(t, reg) + "/team/app:pr-1"
	for _, env := range []map[string]string{nil, {"REGRET_YES": "1", "REGRET_WITH_TAGS": "1"}} {
		process{env: env}.run(t, "rm", ref, "--with-tags", "--archive", folder(t)).checkCode(t, exit.Usage)
	}
	checkNoRequests(t, reg)
	other, _ := atTerminal("2")
	other.run(t, "rm", ref, "--with-tags", "--archive", folder(t)).checkCode(t, exit.Usage)
	checkNoWrites(t, reg)
	p, question := atTerminal("1")
	got := p.run(t, "rm", ref, "--with-tags", "--archive", folder(t))
	got.checkCode(t, exit.Done)
	if !strings.Contains(got.errors, ":pr-1\n") || !strings.Contains(got.errors, ":pr-1-again\n") || question.String() != "Type the number of images to go on: " {
		t.Errorf("%s%s", got.errors, question)
	}
}

func TestRmManifestOnly(t *testing.T) {
	t.Parallel()
	tagged := func(reg *fakeregistry.Registry) { reg.SetTag(stocked, "new", must(reg.Tag(stocked, "pr-3"))) }
	needed := func(reg *fakeregistry.Registry) { reg.PutIndex(stocked, []string{"arm", "two"}, "new") }
	for name, test := range map[string]struct {
		args   []string
		since  func(*fakeregistry.Registry) // happens after the plan was made
		want   exit.Code
		writes []string // DELETE of these
	}{
		"an index goes without its children":   {[]string{"APP:pr-3"}, nil, exit.Done, []string{"pr-3"}},
		"tags that were not named hold it":     {[]string{"APP:pr-1"}, nil, exit.Unsafe, nil},
		"they go where that is allowed":        {[]string{"APP:pr-1", "--with-tags"}, nil, exit.Done, []string{"pr-1"}},
		"a tag that came since holds it":       {[]string{"APP:pr-3"}, tagged, exit.Unsafe, nil},
		"even where tags may go":               {[]string{"APP:pr-3", "--with-tags"}, tagged, exit.Unsafe, nil},
		"an index that came since needs it":    {[]string{"APP:pr-2"}, needed, exit.Unsafe, nil},
		"what came since holds only its parts": {[]string{"APP:pr-3"}, needed, exit.Done, []string{"pr-3"}},
		"a dry run":                            {[]string{"APP:pr-3", "-n"}, nil, exit.Done, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock()
			host, undo := serve(t, reg), folder(t)
			before := reg.Tags(stocked)
			lists := 0
			reg.BeforeEach(func(req *http.Request) {
				if strings.HasSuffix(req.URL.Path, "/tags/list") {
					if lists++; lists == 2 && test.since != nil {
						test.since(reg)
						before = reg.Tags(stocked)
					}
				}
			})
			args := []string{"rm", "--manifest-only", "--yes", "--archive", undo}
			for _, arg := range test.args {
				args = append(args, strings.ReplaceAll(arg, "APP", host+"/team/app"))
			}
			got := run(t, args...)
			got.checkCode(t, test.want)
			const along = "Some registries, such as Harbor, delete along with that what only it needs: 2 manifests.\n"
			if says := strings.Contains(got.errors, along); says != strings.HasSuffix(test.args[0], ":pr-3") {
				t.Error(got.errors)
			}
			var want, sent []string
			for _, tag := range test.writes {
				want = append(want, "DELETE /v2/team/app/manifests/"+string(before[tag]))
			}
			for _, write := range reg.Writes() {
				sent = append(sent, write.Method+" "+write.Path)
			}
			if diff := cmp.Diff(want, sent); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if want == nil {
				return
			}
			run(t, "restore", undo).checkCode(t, exit.Done)
			if diff := cmp.Diff(before, reg.Tags(stocked)); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
		})
	}
}

// Quay answers so about what has no tag and is left to its garbage collection.
func TestRmManifestOnlyTellsWhatIsDeniedFromWhatIsGone(t *testing.T) {
	t.Parallel()
	reg := newStock()
	ref := serve(t, reg) + "/team/app:pr-2"
	reg.Intercept(0, fakeregistry.On(http.MethodDelete, "/v2/"), fakeregistry.Errors(http.StatusNotFound, "MANIFEST_UNKNOWN", "no"))
	for _, flag := range []string{"--manifest-only", "--verify"} {
		got := run(t, "rm", ref, "--yes", flag, "--archive", folder(t))
		got.checkCode(t, exit.NotAllowed)
		if !strings.HasPrefix(got.out, "refused 1") {
			t.Errorf("%s: %s%s", flag, got.out, got.errors)
		}
	}
}

func TestRmLeavesWhatATagWasMovedTo(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--manifest-only", "--verify"} {
		reg := newStock()
		host := serve(t, reg)
		before := reg.Tags(stocked)
		lists := 0
		reg.BeforeEach(func(req *http.Request) {
			if strings.HasSuffix(req.URL.Path, "/tags/list") {
				if lists++; lists == 2 {
					reg.SetTag(stocked, "pr-2", before["latest"])
				}
			}
		})
		got := run(t, "rm", host+"/team/app:pr-2", "--yes", flag, "--archive", folder(t))
		got.checkCode(t, exit.Partial)
		if says := "app:pr-2 points to " + string(before["latest"]) + " by now, which stays"; !strings.Contains(got.errors, says) {
			t.Errorf("%s: it does not say %q:\n%s", flag, says, got.errors)
		}
		if reg.HasManifest(stocked, before["pr-2"]) || !reg.HasManifest(stocked, before["latest"]) {
			t.Errorf("%s: the wrong image is gone: %v", flag, reg.Tags(stocked))
		}
	}
}
