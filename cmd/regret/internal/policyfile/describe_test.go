package policyfile_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
)

var update = flag.Bool("update", false, "write outputs into testdata and docs/policy-files.md instead of comparing them")

func TestAPolicyInWords(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"every-key", "team", "smallest"} {
		p, err := policyfile.ReadFile("../../../../prune/policy/testdata/policies/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		golden := "testdata/" + name + ".txt"
		got := policyfile.Describe(p)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}

func TestEveryRuleIsALine(t *testing.T) {
	t.Parallel()
	p := read(t, `version: 1
repositories: ["a", "b/**"]
keep:
- {name: a, tags: "*"}
- {name: b, tags: "x*", newest: 1, daily: 1, weekly: 2}
- {name: c, tags: {regexp: '(?P<app>\w+)-(?P<number>\d+)'}, except: ["q-1", "q-2", "q-3"], newest: 3, per: app}
- {name: d, tags: ["x", "z"], newest: 3, per: [pattern]}
- {name: e, within: 30d, tags: "*"}
remove:
- {name: f, tags: "*", untag: true}
- {name: "g\u202e", older-than: 3d}
limits: {max-percent: 0, min-left: 2, broken: 1}
`)
	got := policyfile.Describe(p)
	checkPrintable(t, got)
	contains(t, got,
		"This policy is for repositories that match \"a\" or \"b/**\".\n",
		"\n- a: images with tags that match \"*\".\n",
		"\n- b: of images with tags that match \"x*\", the newest 1 by date, and the newest of each of the last 1 day and 2 weeks that have one (time zone UTC).\n",
		"\n- c: of images with tags that match the regular expression '(?P<app>\\w+)-(?P<number>\\d+)', except those that match \"q-1\", \"q-2\" or \"q-3\", the newest 3 by number of each value of the group \"app\".\n",
		"\n- d: of images with tags that match \"x\" or \"z\", the newest 3 by date of each pattern.\n",
		"\n- e: of images with tags that match \"*\", those that are at most 30d old.\n",
		"\n- f: tags that match \"*\"; of images that stay, these tags are taken off.\n",
		"\n- g\ufffd: any tag, if the image is older than 3d; one without a usable date is never old.\n",
		"\n- removes more than 0 % of the images,\n",
		"\n- removes more than 5000 images, untagged manifests and trash (the default),\n",
		"\n- leaves fewer than 2 images, or\n",
		"\n- finds more than 1 tag that cannot be read.\n",
	)
	if strings.Count(got, "\n- ") != len(p.Keep())+len(p.Remove())+4 {
		t.Errorf("some rule has no line, or several:\n%s", got)
	}
}
