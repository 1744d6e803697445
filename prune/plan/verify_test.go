package plan_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/go-digest"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestReadRefusesPlansThatContradictThemselves(t *testing.T) {
	t.Parallel()
	paper := acmePaper(t)
	other := digest.FromString("other")
	keep := func(d *document, tag string) { // what a step deletes
		s := d.step(t, tag)
		d.Kept = append(d.Kept, plan.Kept{Manifest: s.Manifest})
		d.Steps = slices.DeleteFunc(d.Steps, func(o plan.Step) bool { return o.Digest == s.Digest })
	}
	remove := func(d *document, tag string) { // what stays
		k := *d.image(t, tag)
		d.Kept = slices.DeleteFunc(d.Kept, func(o plan.Kept) bool { return o.Digest == k.Digest })
		d.Steps = slices.Insert(d.Steps, 0, plan.Step{Action: plan.Delete, Manifest: k.Manifest})
	}
	for name, c := range map[string]struct {
		edit    func(d *document)
		problem string
	}{
		"a policy that is none": {func(d *document) { d.Policy = []byte(`{"version":1}`) }, "remove"},
		"a policy that is not canonical": {func(d *document) {
			d.Policy = []byte(`{"version":1,"remove":[{"tags":"a"}]}`)
		}, "not in the canonical form"},
		"a policy for other repositories":                {func(d *document) { d.Policy = bytes.Replace(d.Policy, []byte(`["**"]`), []byte(`["other/**"]`), 1) }, "repositor"},
		"the rules of another policy":                    {func(d *document) { d.Rules[0].Rule = "other" }, "its rules are not those"},
		"a keep rule as a remove rule":                   {func(d *document) { d.Rules[0].Keep = false }, "its rules are not those"},
		"a rule too few":                                 {func(d *document) { d.Rules = d.Rules[1:] }, "its rules are not those"},
		"a rule too many":                                {func(d *document) { d.Rules = append(d.Rules, plan.RuleCount{Rule: "x"}) }, "more rules"},
		"an in-use list that no rule names":              {func(d *document) { d.InUse = []plan.InUseList{{Name: "x", Digest: other, Made: now, Expires: now}} }, "more rules or in-use lists"},
		"a manifest twice":                               {func(d *document) { d.Kept = append(d.Kept, plan.Kept{Manifest: d.Steps[0].Manifest}) }, "in the plan twice"},
		"a tag on two manifests":                         {func(d *document) { d.image(t, "1.1.0").Tags = []string{"1.0.0"} }, "the tag 1.0.0 is on two manifests"},
		"a manifest that is missing":                     {func(d *document) { d.Missing = append(d.Missing, d.Kept[0].Digest); slices.Sort(d.Missing) }, "both here and missing"},
		"an image that stays without a reason":           {func(d *document) { keep(d, "2.0.0-rc.1") }, "it stays, but nothing holds it"},
		"an image that no rule selects":                  {func(d *document) { remove(d, "1.0.0") }, "no rule selects it"},
		"an image that is selected, but has no such tag": {func(d *document) { d.image(t, "1.0.0").Selected = true; remove(d, "1.0.0") }, "no remove rule matches its tag 1.0.0"},
		"an image that a keep rule names": {func(d *document) {
			d.image(t, "latest").Tags = []string{"latest", "pr-1"}
			d.image(t, "latest").Selected = true
		}, "no remove rule matches its tag latest"},
		"an image that something refers to":     {func(d *document) { remove(d, "pr-1188") }, "it must stay: pr-1188-sbom refers to it and stays"},
		"a child that another index lists":      {func(d *document) { d.image(t, "latest").Lists = append(d.image(t, "latest").Lists, d.Steps[5].Digest) }, "it must stay: also in 1.9.0"},
		"a signature of an image that stays":    {func(d *document) { d.image(t, "1.0.0").Lists = []regret.Digest{d.step(t, "pr-1201").Digest} }, "it must stay"},
		"a part of what goes, without a step":   {func(d *document) { d.Steps = slices.Delete(d.Steps, 5, 6) }, "nothing holds it, but no step deletes it"},
		"an unknown manifest that goes":         {func(d *document) { d.step(t, "pr-1201").Lists = append(d.step(t, "pr-1201").Lists, other) }, "no step deletes it"},
		"an image in use":                       {func(d *document) { d.step(t, "2.0.0-rc.1").InUse = true }, "no in-use list"},
		"a trash tag that is not due":           {func(d *document) { d.Steps[1].Tags[0] = strings.Replace(d.Steps[1].Tags[0], "20261001", "20261125", 1) }, "its tags do not say that it is due"},
		"trash that is due and not selected":    {func(d *document) { d.Steps[1].Selected = false }, "its tags do not say that it is due"},
		"an untagged manifest that is selected": {func(d *document) { d.Steps[3].Selected = true }, "no rule names it or is for untagged manifests"},
		"another role":                          {func(d *document) { d.Steps[5].Role = plan.RoleUntagged }, "it has the role child, not untagged"},
		"a child as an image":                   {func(d *document) { d.Steps[5].Role = plan.RoleImage }, "it has the role child, not image"},
		"steps in another order":                {func(d *document) { d.Steps[3], d.Steps[4] = d.Steps[4], d.Steps[3] }, "it is to be deleted in step 3"},
		"a part before what lists it":           {func(d *document) { d.Steps[2], d.Steps[5] = d.Steps[5], d.Steps[2] }, "it is to be deleted in step 2"},
		"a step that waits for nothing":         {func(d *document) { d.Steps[3].After = nil }, "not after those"},
		"a step that waits for another":         {func(d *document) { d.Steps[3].After[0] = d.Steps[0].Digest }, "not after those"},
		"a step of a rule that is unknown":      {func(d *document) { d.Steps[0].Rules = []string{"whim"} }, `no remove rule "whim"`},
		"a deletion after the tags":             {func(d *document) { d.Steps[7], d.Steps[8] = d.Steps[8], d.Steps[7] }, "it is to be deleted in step 7"},
		"tags off what is deleted":              {func(d *document) { d.Steps[8].Manifest = d.Steps[0].Manifest; d.Steps[8].Untag = d.Steps[0].Tags }, "it is not what stays"},
		"tags off something that has changed":   {func(d *document) { d.Steps[8].Size++ }, "it is not what stays"},
		"tags off by a rule that does not":      {func(d *document) { d.Steps[8].Rules = []string{"nightlies"} }, "no rule of the step takes the tag build-7 off"},
		"tags off by overwriting":               {func(d *document) { d.Steps[8].Overwrite = true }, "no rule of the step takes the tag build-7 off"},
		"tags off after a deletion":             {func(d *document) { d.Steps[8].After = []regret.Digest{d.Steps[0].Digest} }, "not after those"},
		"a tag off that no rule wants":          {func(d *document) { d.Steps[8].Untag = []string{"main"} }, "no rule of the step takes the tag main off"},
		"the last tag off": {func(d *document) {
			d.image(t, "build-7").Tags, d.Steps[8].Tags = []string{"build-7"}, []string{"build-7"}
		}, "its last ordinary tag is taken off"},
		"what stays in another order": {func(d *document) { d.Kept[0], d.Kept[1] = d.Kept[1], d.Kept[0] }, "not sorted into what stays"},
		"a missing part that is not":  {func(d *document) { d.image(t, "latest").Missing = []regret.Digest{other} }, "what it lists that is missing"},
		"totals of another plan":      {func(d *document) { d.Totals.Bytes++ }, "its totals are"},
		"images without a date":       {func(d *document) { d.Totals.Undated++ }, "its totals are"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parseDocument(t, paper)
			c.edit(d)
			if keepsOrder := name == "what stays in another order" || strings.Contains(c.problem, "its totals are"); !keepsOrder {
				d.count()
			}
			_, err := plan.Read(bytes.NewReader(d.paper()))
			if wrong, ok := errors.AsType[*plan.VerifyError](err); !ok || !strings.Contains(wrong.Problem, c.problem) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadRefusesWhatLimitsRefuse(t *testing.T) {
	t.Parallel()
	d := parseDocument(t, onPaper(t, tiny(t)))
	d.Policy = bytes.Replace(d.Policy, []byte(`"max-percent":50`), []byte(`"max-percent":49`), 1)
	d.Broken = []string{"a", "b"}
	p, err := plan.Read(bytes.NewReader(d.paper()))
	refused, ok := errors.AsType[*plan.BrakeError](err)
	if !ok || p != nil || refused.Plan == nil {
		t.Fatalf("got %v, %v", p, err)
	}
	want := []plan.Brake{
		{Limit: "max-percent", Allowed: 49, Needed: 50},
		{Limit: "broken", Allowed: 0, Needed: 2, Names: []string{"a", "b"}},
	}
	if diff := cmp.Diff(want, refused.Brakes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVerifyErrorHasTheFaultsOfThePolicy(t *testing.T) {
	t.Parallel()
	d := parseDocument(t, onPaper(t, tiny(t)))
	d.Policy = []byte(`{"version":1,"remove":[{"tags":"[a"}]}`)
	_, err := plan.Read(bytes.NewReader(d.paper()))
	if _, ok := errors.AsType[policy.Errors](err); !ok {
		t.Errorf("got %v", err)
	}
}

// TestReadRefusesEditsThatBreakTheRules edits plans at random and completes them, so that
// nothing but the rules tells. What is accepted must be right by the model.
func TestReadRefusesEditsThatBreakTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		_, p, err := decideCase(model.Draw(t))
		if err != nil {
			return
		}
		d := parseDocument(t, onPaper(t, p))
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			edit(t, d)
		}
		d.count()
		paper := d.paper()
		got, err := plan.Read(bytes.NewReader(paper))
		if err != nil {
			return
		}
		if fault := d.fault(); fault != "" {
			t.Fatalf("accepted, but %s\n%s", fault, paper)
		}
		if diff := cmp.Diff(string(paper), string(onPaper(t, got)), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the bytes change (-want +got):\n%s", diff)
		}
	})
}

// edit makes one edit of a step or of what stays.
func edit(t *rapid.T, d *document) {
	var all []*plan.Manifest
	for i := range d.Steps {
		all = append(all, &d.Steps[i].Manifest)
	}
	for i := range d.Kept {
		all = append(all, &d.Kept[i].Manifest)
	}
	if len(all) == 0 {
		return
	}
	pick := func(label string) *plan.Manifest { return all[rapid.IntRange(0, len(all)-1).Draw(t, label)] }
	m, other := pick("manifest"), pick("other")
	switch rapid.SampledFrom([]string{
		"move", "move", "drop", "repeat", "swap", "select", "select", "use", "list", "unlist", "refer", "tag", "untag", "steal", "wait", "miss", "find", "role",
	}).Draw(t, "edit") {
	case "move":
		d.move(m)
	case "drop":
		d.Steps = slices.DeleteFunc(d.Steps, func(s plan.Step) bool { return s.Digest == m.Digest })
		d.Kept = slices.DeleteFunc(d.Kept, func(k plan.Kept) bool { return k.Digest == m.Digest })
	case "repeat":
		d.Steps = append(d.Steps, plan.Step{Action: plan.Delete, Manifest: *m})
	case "swap":
		*m, *other = *other, *m
	case "select":
		m.Selected = !m.Selected
	case "use":
		m.InUse = !m.InUse
	case "list":
		m.Lists = append(slices.Clone(m.Lists), other.Digest)
	case "unlist":
		m.Lists = m.Lists[:len(m.Lists)/2]
	case "refer":
		m.Subject = other.Digest
	case "tag":
		m.Tags = append(slices.Clone(m.Tags), rapid.SampledFrom([]string{"x", "sha256-" + other.Digest.Encoded(), "regret-trash-20990101-01234567-0123456789ab"}).Draw(t, "tag"))
		slices.Sort(m.Tags)
	case "untag":
		m.Tags = m.Tags[:len(m.Tags)/2]
	case "steal":
		m.Tags, other.Tags = other.Tags, m.Tags
	case "wait":
		for i := range d.Steps {
			if d.Steps[i].Digest == m.Digest {
				d.Steps[i].After = nil
			}
		}
	case "miss":
		d.Missing = append(d.Missing, m.Digest)
		slices.Sort(d.Missing)
		d.Kept = slices.DeleteFunc(d.Kept, func(k plan.Kept) bool { return k.Digest == m.Digest })
	case "find":
		d.Missing = nil
	case "role":
		m.Role = other.Role
	}
}

// move makes a step of what stays, and lets stay what a step deletes.
func (d *document) move(m *plan.Manifest) {
	manifest := *m
	steps, kept := len(d.Steps), len(d.Kept)
	d.Steps = slices.DeleteFunc(d.Steps, func(s plan.Step) bool { return s.Digest == manifest.Digest })
	d.Kept = slices.DeleteFunc(d.Kept, func(k plan.Kept) bool { return k.Digest == manifest.Digest })
	if len(d.Steps) < steps {
		d.Kept = append(d.Kept, plan.Kept{Manifest: manifest})
	} else if len(d.Kept) < kept {
		d.Steps = slices.Insert(d.Steps, 0, plan.Step{Action: plan.Delete, Manifest: manifest})
	}
}
