package cases_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

func TestAllCasesLoad(t *testing.T) {
	t.Parallel()
	all := load(t)
	if len(all) != 157 {
		t.Errorf("%d cases, want 157", len(all))
	}
	for _, c := range all {
		if c.Note == "" || c.Repository == "" || len(c.PolicyJSON()) == 0 && c.PolicyText == nil {
			t.Errorf("%s lacks a note, a repository or a policy", c.ID)
		}
		for _, m := range c.Manifests {
			if m.Digest == "" {
				t.Errorf("%s: manifest %s has no digest to check its bytes with", c.ID, m.ID)
			}
		}
	}
}

func TestParseRefusesWhatTheFormatDoesNotHave(t *testing.T) {
	t.Parallel()
	const place = `"listing":"oci","referrers":"api","expect":{},`
	for name, test := range map[string]struct{ members, want string }{
		"an unknown key":                      {place + `"manifests":[],"notes":""`, "notes"},
		"an unknown key of a manifest":        {place + `"manifests":[{"id":"A","kind":"image","tag":[]}]`, "tag"},
		"a key with another case":             {place + `"Manifests":[]`, "Manifests"},
		"a key twice":                         {place + `"manifests":[],"manifests":[]`, "manifests"},
		"two policies":                        {place + `"policy-text":""`, "either policy or policy-text"},
		"an unknown listing":                  {`"listing":"quay","referrers":"api"`, `"quay"`},
		"an unknown source of referrers":      {`"listing":"oci","referrers":"tags"`, `"tags"`},
		"an unknown fault of the list":        {place + `"faults":{"list":"cut"}`, `"cut"`},
		"an unknown kind of manifest":         {place + `"manifests":[{"id":"A","kind":"blob"}]`, `"blob"`},
		"an id twice":                         {place + `"manifests":[{"id":"A","kind":"image"},{"id":"A","kind":"image"}]`, `"A"`},
		"an unknown id of a child":            {place + `"manifests":[{"id":"A","kind":"index","children":["B"]}]`, `"B"`},
		"an unknown id in a tag":              {place + `"manifests":[{"id":"A","kind":"image","tags":["sha256-{B}"]}]`, `{B}`},
		"a manifest below itself":             {place + `"manifests":[{"id":"A","kind":"index","children":["A"]}]`, "its own digest"},
		"a tag on two manifests":              {place + `"manifests":[{"id":"A","kind":"image","tags":["v"]},{"id":"B","kind":"image","tags":["v"]}]`, `"v"`},
		"another digest than the bytes have":  {place + `"manifests":[{"id":"A","kind":"image","digest":"sha256:abc"}]`, "sha256:abc"},
		"a platform of three parts":           {place + `"manifests":[{"id":"A","kind":"image","platform":"linux/arm/v7"}]`, "linux/arm/v7"},
		"an unknown verdict":                  {`"listing":"oci","referrers":"api","manifests":[{"id":"A","kind":"image"}],"expect":{"images":{"A":{"verdict":"stay"}}}`, `"stay"`},
		"an unknown action":                   {`"listing":"oci","referrers":"api","manifests":[{"id":"A","kind":"image"}],"expect":{"steps":[{"id":"A","action":"drop"}]}`, `"drop"`},
		"an unknown kind of error":            {`"listing":"oci","referrers":"api","expect":{"error":{"kind":"odd"}}`, `"odd"`},
		"steps beside an error":               {`"listing":"oci","referrers":"api","expect":{"steps":[],"error":{"kind":"brake"}}`, "without images and steps"},
		"a blob that does not exist":          {`"listing":"oci","referrers":"api","expect":{"freed":["layer x"]}`, `"layer x"`},
		"alternatives where all is decided":   {place + `"alternatives":[{}]`, "nothing is ambiguous"},
		"an id in the faults that is unknown": {place + `"faults":{"gone":["A"]}`, `"A"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := cases.Parse(line(test.members)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %s", err, test.want)
			}
		})
	}
}

func TestPlaceholdersStandForDigits(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","manifests":[
		{"id":"A","kind":"image","tags":["regret-trash-20261120-0123abcd-{A:12}"]},{"id":"s","kind":"cosign","tags":["sha256-{A}.sig"]}],
		"files":{"f":{"content":"sha256:{A.config}\nsha256:{s}\n","modified":"2026-11-26T11:00:00Z"}},
		"expect":{"steps":[{"action":"delete","id":"s","tags":["sha256-{A}.sig"]}]}`)
	digits, config := c.Digest("A").Encoded(), c.Content("A").Config.Descriptor.Digest
	if diff := cmp.Diff([]string{"regret-trash-20261120-0123abcd-" + digits[:12]}, c.Manifests[0].Tags); diff != "" {
		t.Errorf("trash tag (-want +got):\n%s", diff)
	}
	for _, tags := range [][]string{c.Manifests[1].Tags, c.Expect.Steps[0].Tags} {
		if diff := cmp.Diff([]string{"sha256-" + digits + ".sig"}, tags); diff != "" {
			t.Errorf("companion tag (-want +got):\n%s", diff)
		}
	}
	want := map[string]cases.File{"f": {
		Content:  config.String() + "\n" + c.Digest("s").String() + "\n",
		Modified: time.Date(2026, 11, 26, 11, 0, 0, 0, time.UTC),
	}}
	if diff := cmp.Diff(want, c.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestUnknownIsNotAbsent(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","manifests":[{"id":"A","kind":"image"},{"id":"B","kind":"image"}],
		"expect":{"images":{"A":{"verdict":"keep","kept-by":[],"age":null},"B":{"verdict":"keep"}}}`)
	a, b := c.Expect.Images["A"], c.Expect.Images["B"]
	if !a.Age.Known || !a.Age.Time.IsZero() || a.KeptBy == nil {
		t.Errorf("null and an empty list are to be compared: %+v", a)
	}
	if b.Age.Known || b.KeptBy != nil {
		t.Errorf("what is not there is not to be compared: %+v", b)
	}
}

func TestAPullIsAnInstantOrNever(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"lister","referrers":"api","expect":{},"manifests":[
		{"id":"A","kind":"image","pulled":"2026-11-01T00:00:00Z"},{"id":"B","kind":"image","pulled":"never"},{"id":"C","kind":"image"}]`)
	want := []cases.Pulled{{At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}, {Never: true}, {}}
	for i, m := range c.Manifests {
		if diff := cmp.Diff(want[i], m.Pulled); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m.ID, diff)
		}
	}
}

func TestIDsAndDigestsBelongTogether(t *testing.T) {
	t.Parallel()
	for _, c := range load(t) {
		for _, m := range c.Manifests {
			if got := c.IDOf(c.Digest(m.ID)); got != m.ID {
				t.Errorf("%s: the digest of %s is that of %s", c.ID, m.ID, got)
			}
		}
	}
	c := load(t)[0]
	if c.Digest("none") != "" || c.Content("none") != nil || c.Manifest("none") != nil || c.IDOf("sha256:abc") != "sha256:abc" {
		t.Error("an unknown id has a digest, or an unknown digest an id")
	}
}
