package cases

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// Compare returns the differences between a result and what the case expects, one a line. Of a case
// with alternatives, a result must agree with one reading; if it agrees with none, the differences
// are those from the proposed reading. An ambiguous case without alternatives has no differences.
func Compare(c *Case, got Result) []string {
	differences := c.differences(&c.Expect, got)
	if len(differences) == 0 || Reading(c, got) != "" {
		return nil
	}
	return differences
}

// Reading returns which reading of an ambiguous case a result agrees with: "proposed", "alternative
// 1" and so on, or "another" if the case names no alternatives. It returns "" if the case is not
// ambiguous or the result is wrong in every reading.
func Reading(c *Case, got Result) string {
	if len(c.Ambiguous) == 0 {
		return ""
	}
	for i, reading := range c.readings() {
		switch {
		case len(c.differences(reading, got)) > 0:
		case i == 0:
			return "proposed"
		default:
			return fmt.Sprintf("alternative %d", i)
		}
	}
	if len(c.Alternatives) == 0 {
		return "another"
	}
	return ""
}

// comparison collects differences.
type comparison struct {
	c           *Case
	differences []string
}

func (c *Case) differences(want *Expect, got Result) []string {
	d := &comparison{c: c}
	if want.Error != nil {
		d.errors(want.Error, got)
		return d.differences
	}
	for _, e := range got.Errors {
		d.add("there is no plan: %+v", e)
	}
	if len(got.Errors) > 0 {
		return d.differences
	}
	if want.Images != nil {
		d.images(want.Images, got)
	}
	if want.Steps != nil {
		d.steps(want.Steps, got.Steps)
	}
	for _, id := range slices.Sorted(maps.Keys(want.Others)) {
		d.equal("manifest "+id, deleted(got.Steps, id), want.Others[id] == Remove)
	}
	if want.Reported != nil {
		d.sameSet("images with a missing child", got.Reported, want.Reported)
	}
	if want.Freed != nil {
		d.freed(want.Freed, got)
	}
	if want.UnknownDates != nil {
		d.equal("images without a date", got.UnknownDates, *want.UnknownDates)
	}
	return d.differences
}

func (d *comparison) add(format string, args ...any) {
	d.differences = append(d.differences, fmt.Sprintf(format, args...))
}

func (d *comparison) equal(what string, got, want any) {
	if got != want {
		d.add("%s: got %v, want %v", what, got, want)
	}
}

// sameSet compares two lists regardless of their order.
func (d *comparison) sameSet(what string, got, want []string) {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		d.add("%s: got %q, want %q", what, got, want)
	}
}

func (d *comparison) images(want map[string]WantImage, got Result) {
	d.sameSet("images", slices.Collect(maps.Keys(got.Images)), slices.Collect(maps.Keys(want)))
	for _, id := range slices.Sorted(maps.Keys(want)) {
		image, ok := got.Images[id]
		if !ok {
			continue // reported above
		}
		d.image("image "+id, want[id], image)
		d.equal("image "+id+": a step deletes it", deleted(got.Steps, id), image.Verdict == Remove)
	}
}

func (d *comparison) image(what string, want WantImage, got Image) {
	d.equal(what+": verdict", got.Verdict, want.Verdict)
	for _, list := range []struct {
		name      string
		got, want []string
	}{
		{"kept by", got.KeptBy, want.KeptBy},
		{"wanted by", got.WantedBy, want.WantedBy},
		{"shared with", got.SharedWith, want.SharedWith},
		{"tags to remove", got.Untag, want.Untag},
	} {
		if list.want != nil {
			d.sameSet(what+": "+list.name, list.got, list.want)
		}
	}
	if want.Needed != nil {
		d.equal(what+": needed", got.Needed, *want.Needed)
	}
	for _, rule := range slices.Sorted(maps.Keys(want.Nearly)) {
		d.equal(what+": place in "+rule, got.Nearly[rule], want.Nearly[rule])
	}
	if wantTime := want.Age.Time.Truncate(time.Second); want.Age.Known && !got.Age.Equal(wantTime) {
		d.add("%s: age: got %v, want %v", what, got.Age, wantTime)
	}
	if want.AgeSource != "" {
		d.equal(what+": source of the age", got.AgeSource, want.AgeSource)
	}
}

func deleted(steps []Step, id string) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Action == DeleteManifest && s.ID == id })
}

// key identifies a step in a plan.
func key(action Action, id string) string { return string(action) + " " + id }

// steps compares the steps regardless of their order, and then checks that each comes after those
// that it must follow.
func (d *comparison) steps(want []WantStep, got []Step) {
	gotKeys, wantKeys := []string{}, []string{}
	for _, step := range got {
		gotKeys = append(gotKeys, key(step.Action, step.ID))
	}
	for _, step := range want {
		wantKeys = append(wantKeys, key(step.Action, step.ID))
	}
	d.sameSet("steps", gotKeys, wantKeys)
	for _, step := range want {
		i := slices.Index(gotKeys, key(step.Action, step.ID))
		if i < 0 {
			continue // reported above
		}
		what := "step " + gotKeys[i]
		if step.Role != "" {
			d.equal(what+": role", got[i].Role, step.Role)
		}
		if step.Tags != nil {
			d.sameSet(what+": tags", got[i].Tags, step.Tags)
		}
		if step.After != nil {
			d.sameSet(what+": comes after", got[i].After, step.After)
		}
		d.equal(what+": overwrite", got[i].Overwrite, step.Overwrite)
		for _, id := range step.After {
			if !slices.ContainsFunc(got[:i], func(s Step) bool { return s.ID == id }) {
				d.add("%s: the plan has no step of %s before it", what, id)
			}
		}
	}
}

// freed compares the blobs if the result names them, and their size in any case.
func (d *comparison) freed(want []string, got Result) {
	blobs := d.c.blobs()
	sizes, gotDigests := map[string]int64{}, []string{}
	for _, name := range want {
		sizes[blobs[name].Digest.String()] = blobs[name].Size // two names may be one blob
	}
	for _, dgst := range got.Freed {
		gotDigests = append(gotDigests, dgst.String())
	}
	total := int64(0)
	for _, size := range sizes {
		total += size
	}
	d.equal("freed bytes", got.FreedBytes, total)
	if got.Freed != nil {
		d.sameSet("freed blobs", gotDigests, slices.Collect(maps.Keys(sizes)))
	}
}

// errors looks for the error that is expected. Others of the same kind may be there, too: a policy
// is refused with all its faults.
func (d *comparison) errors(want *WantError, got Result) {
	if len(got.Errors) == 0 {
		d.add("there is a plan, want the error %+v", *want)
	}
	if len(got.Steps) > 0 {
		d.add("there are %d steps beside an error", len(got.Steps))
	}
	closest := []string(nil)
	for i, e := range got.Errors {
		found := &comparison{c: d.c}
		found.oneError(want, e)
		if len(found.differences) == 0 {
			return
		}
		if i == 0 || len(found.differences) < len(closest) {
			closest = found.differences
		}
	}
	d.differences = append(d.differences, closest...)
}

func (d *comparison) oneError(want *WantError, got Error) {
	d.equal("kind of error", got.Kind, want.Kind)
	d.equal("rule of the error", got.Rule, cmp.Or(want.Rule, got.Rule))
	d.equal("field of the error", got.Field, cmp.Or(want.Field, got.Field))
	d.equal("detail of the error", got.Detail, cmp.Or(want.Detail, got.Detail))
	if want.Limits != nil && !maps.Equal(got.Limits, want.Limits) {
		d.add("limits that refuse: got %v, want %v", got.Limits, want.Limits)
	}
	for _, name := range want.Names {
		accepted := []string{name}
		if dgst := d.c.Digest(name); dgst != "" {
			accepted = []string{dgst.String()}
		}
		if slices.Contains(d.c.Faults.Unparsable, name) {
			accepted = append(accepted, digest.FromString(unparsable).String())
		}
		if !slices.ContainsFunc(accepted, func(s string) bool { return slices.Contains(got.Names, s) }) {
			d.add("the error does not name %s (%s)", name, accepted[0])
		}
	}
}
