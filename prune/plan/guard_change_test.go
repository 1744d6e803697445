package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestGuardOfTagsThatComeOff(t *testing.T) {
	t.Parallel()
	r := newRepository()
	image := r.image("image", 1, 1, "old-1", "old-2", "v1", "latest")
	p, g := r.guard(t)
	step := slices.Collect(p.Steps())[0]
	others := func(tag string) []string { return g.Others(&step, tag) }
	if diff := cmp.Diff([]string{"latest", "v1"}, others("old-1")); diff != "" {
		t.Errorf("others (-want +got):\n%s", diff)
	}
	g.DropTag("latest")
	g.SetTag("sha256-"+image.Digest.Encoded()+".sig", image.Digest)
	g.SetTag("v2", image.Digest)
	if diff := cmp.Diff([]string{"v1", "v2"}, others("old-1")); diff != "" {
		t.Errorf("others after changes (-want +got):\n%s", diff)
	}
	if err := g.Use([]*policy.InUse{runningNow(t, "registry.example.com/acme/app:old-2")}, now); err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]bool{"old-1": false, "old-2": true} {
		if reason, held := g.HoldsTag(&step, tag); held != want {
			t.Errorf("%s held %t: %s", tag, held, reason.Text)
		}
	}
}

// TestGuardOfOrphans checks what steps count on to be gone, and that they are held if it is not.
func TestGuardOfOrphans(t *testing.T) {
	t.Parallel()
	r := newRepository()
	kept := r.image("kept", 1, 1, "latest")
	gone := digest.FromString("gone")
	signature := r.push(ocispec.MediaTypeImageManifest, map[string]any{"config": ocispec.DescriptorEmptyJSON}, "sha256-"+gone.Encoded()+".sig")
	r.tags["sha256-"+gone.Encoded()+".att"] = kept.Digest
	p, g := r.guard(t)
	for step := range p.Steps() {
		if diff := cmp.Diff([]regret.Digest{gone}, g.Presumed(&step)); diff != "" {
			t.Errorf("%s counts on (-want +got):\n%s", step.Action, diff)
		}
	}
	g.Found(gone)
	for step := range p.Steps() {
		if counted := g.Presumed(&step); len(counted) > 0 {
			t.Errorf("%s still counts on %v", step.Action, counted)
		}
		held := false
		if step.Action == plan.Delete {
			_, held = g.Holds(signature.Digest)
		} else {
			_, held = g.HoldsTag(&step, step.Untag[0])
		}
		if !held {
			t.Errorf("the step that is to %s is not held", step.Action)
		}
	}
}

func TestGuardOfWhatIsBack(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("kept", 1, 1, "latest")
	child := r.image("child", 1, 1)
	index := r.index([]regret.Descriptor{child}, "pr-1")
	signature := r.push(ocispec.MediaTypeImageManifest, map[string]any{"config": ocispec.DescriptorEmptyJSON}, "sha256-"+index.Digest.Encoded()+".sig")
	_, g := r.guard(t)
	g.Back(index.Digest)
	for _, d := range []regret.Descriptor{index, child, signature} {
		if _, held := g.Holds(d.Digest); !held {
			t.Errorf("%s is not held", d.Digest)
		}
	}
}

// TestGuardOfWhatIsBackWithoutATag checks that what goes along with other things holds what it needs, too:
// its subject, what it lists, and the index above with all that this lists.
func TestGuardOfWhatIsBackWithoutATag(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("kept", 1, 1, "latest")
	image, child, other := r.image("image", 1, 1, "pr-1"), r.image("child", 1, 1), r.image("other", 1, 1, "pr-3")
	referrer := r.referrer("application/x", image)
	inner := r.index([]regret.Descriptor{child})
	index := r.index([]regret.Descriptor{referrer, inner}, "pr-2")
	for name, back := range map[string]regret.Descriptor{
		"a referrer that an index lists": referrer, "an inner index": inner, "a child": child,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := r.guard(t)
			g.Back(back.Digest)
			for _, d := range []regret.Descriptor{image, referrer, index, inner, child} {
				if _, held := g.Holds(d.Digest); !held {
					t.Errorf("%s is not held", d.Digest)
				}
			}
			if reason, held := g.Holds(other.Digest); held {
				t.Errorf("what has nothing to do with it is held: %s", reason.Text)
			}
		})
	}
}

// TestGuardProtects changes repositories at random after a plan was made. By what the guard then
// says, nothing that a tag points to loses what it lists or refers to.
func TestGuardProtects(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawn{repository: newRepository(), t: t}
		d.image("kept", 1, 1, "latest")
		for range rapid.IntRange(1, 8).Draw(t, "manifests") {
			d.push("pr")
		}
		p, err := d.planOf(strings.Replace(guardRules, `{"name": "in use", "file": "running.txt"}, `, "", 1))
		if err != nil {
			t.Fatal(err)
		}
		planned := make(map[string]regret.Digest)
		for tag, dgst := range d.tags {
			planned[tag] = dgst
		}
		g, err := p.Guard()
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			d.change()
		}
		if _, err := d.tellGuard(g); err != nil {
			t.Fatal(err)
		}
		d.check(p, g, planned)
	})
}

// A drawn is a repository that is made up.
type drawn struct {
	*repository
	t    *rapid.T
	all  []regret.Descriptor
	made int
}

// push pushes a manifest, under up to two tags with a prefix.
func (d *drawn) push(prefix string) {
	var tags []string
	for range rapid.IntRange(0, 2).Draw(d.t, "tags") {
		d.made++
		tags = append(tags, fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{prefix, "pr", "v"}).Draw(d.t, "prefix"), d.made))
	}
	kinds := []string{"image"}
	if len(d.all) > 0 {
		kinds = append(kinds, "index", "referrer", "companion")
	}
	d.made++
	switch rapid.SampledFrom(kinds).Draw(d.t, "kind") {
	case "image":
		d.all = append(d.all, d.image(fmt.Sprint(d.made), 1, 1, tags...))
	case "index":
		var entries []regret.Descriptor
		for range rapid.IntRange(1, 3).Draw(d.t, "entries") {
			entries = append(entries, d.any())
		}
		d.all = append(d.all, d.index(entries, tags...))
	case "referrer":
		d.all = append(d.all, d.referrer(fmt.Sprint("application/", d.made), d.any(), tags...))
	case "companion":
		d.all = append(d.all, d.image(fmt.Sprint(d.made), 1, 1, append(tags, "sha256-"+d.any().Digest.Encoded()+".sig")...))
	}
}

func (d *drawn) any() regret.Descriptor { return rapid.SampledFrom(d.all).Draw(d.t, "manifest") }

// change changes something after the plan was made.
func (d *drawn) change() {
	switch rapid.SampledFrom([]string{"push", "tag", "move", "remove"}).Draw(d.t, "change") {
	case "push":
		d.push("new")
	case "tag":
		d.made++
		d.tags[fmt.Sprint("v-", d.made)] = d.any().Digest
	case "move":
		d.tags[d.anyTag()] = d.any().Digest
	case "remove":
		delete(d.tags, d.anyTag())
	}
}

func (d *drawn) anyTag() string {
	var tags []string
	for tag := range d.tags {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	if len(tags) == 0 {
		return "none"
	}
	return rapid.SampledFrom(tags).Draw(d.t, "tag")
}

// check checks that no tag loses anything by what may go.
func (d *drawn) check(p *plan.Plan, g *plan.Guard, planned map[string]regret.Digest) {
	goes := make(map[regret.Digest]bool)
	for step := range p.Steps() {
		if _, held := g.Holds(step.Digest); step.Action == plan.Delete && !held {
			goes[step.Digest] = true
		}
	}
	for tag, dgst := range d.tags {
		if strings.HasPrefix(tag, "sha256-") {
			continue
		}
		if goes[dgst] {
			if planned[tag] != dgst {
				d.t.Errorf("%s goes, although %s was put on it", dgst, tag)
			}
			continue
		}
		d.checkReach(tag, dgst, goes)
		if m := d.manifests[dgst]; m != nil {
			references, err := plan.ReadReferences(m.Raw)
			if err != nil {
				d.t.Fatal(err)
			}
			if goes[references.Subject] {
				d.t.Errorf("%s refers to %s, which goes", tag, references.Subject)
			}
		}
	}
}

// checkReach checks what an index lists, and what refers to that. What images refer to that a new
// index lists the guard does not read.
func (d *drawn) checkReach(tag string, from regret.Digest, goes map[regret.Digest]bool) {
	m := d.manifests[from]
	if m == nil {
		return
	}
	references, err := plan.ReadReferences(m.Raw)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, entry := range references.Manifests {
		if goes[entry.Digest] {
			d.t.Errorf("%s lists %s, which goes", tag, entry.Digest)
		}
		d.checkReach(tag, entry.Digest, goes)
	}
	for _, referrer := range d.referrers[from] {
		if goes[referrer.Digest] {
			d.t.Errorf("%s goes, although it refers to %s, which %s leads to", referrer.Digest, from, tag)
		}
	}
}
