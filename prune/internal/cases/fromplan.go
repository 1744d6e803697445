package cases

import (
	"errors"
	"maps"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// ResultOf returns what a decision and its plan, or the error in place of these, say about a
// case.
func (c *Case) ResultOf(d *plan.Decision, p *plan.Plan, err error) Result {
	if err != nil {
		return Result{Errors: errorsOf(err)}
	}
	r := Result{Images: make(map[string]Image), UnknownDates: p.Totals().Undated, FreedBytes: p.Totals().Bytes}
	for image, verdicts := range d.Images() {
		if image.Subject != "" {
			continue
		}
		r.Images[c.IDOf(image.Digest)] = imageOf(image, verdicts)
		if !image.Goes && len(image.Missing) > 0 {
			r.Reported = append(r.Reported, c.IDOf(image.Digest))
		}
	}
	for step := range p.Steps() {
		r.Steps = append(r.Steps, c.stepOf(step))
	}
	return r
}

func imageOf(image plan.Image, verdicts []plan.Verdict) Image {
	i := Image{
		Verdict: Keep, KeptBy: image.KeptBy, WantedBy: image.WantedBy, SharedWith: image.SharedWith,
		Untag: image.Untag, Needed: image.Needed != nil, Nearly: make(map[string][2]int),
		Age: image.Created, AgeSource: string(image.Source),
	}
	switch {
	case image.Goes:
		i.Verdict = Remove
	case len(image.Untag) > 0:
		i.Verdict = Untag
	}
	for _, v := range verdicts {
		if v.Keep && v.Of > 0 {
			i.Nearly[v.Rule] = [2]int{v.Place, v.Of}
		}
	}
	return i
}

func (c *Case) stepOf(step plan.Step) Step {
	s := Step{Action: Action(step.Action), ID: c.IDOf(step.Digest), Role: string(step.Role), Tags: step.Tags, Overwrite: step.Overwrite}
	if step.Action == plan.Untag {
		s.Tags = step.Untag
	}
	for _, dgst := range step.After {
		s.After = append(s.After, c.IDOf(dgst))
	}
	return s
}

// errorsOf returns the faults that an error holds.
func errorsOf(err error) []Error {
	if faults, ok := errors.AsType[policy.Errors](err); ok {
		var all []Error
		for _, e := range faults {
			all = append(all, Error{Kind: ErrorPolicy, Rule: e.Rule, Field: e.Field})
		}
		return all
	}
	if e, ok := errors.AsType[*policy.Error](err); ok {
		return []Error{{Kind: ErrorPolicy, Rule: e.Rule, Field: e.Field}}
	}
	if e, ok := errors.AsType[*policy.InUseError](err); ok {
		return []Error{{Kind: ErrorInUse, Rule: e.Rule, Detail: string(e.Detail)}}
	}
	if e, ok := errors.AsType[*plan.LimitError](err); ok {
		return []Error{{Kind: ErrorIncomplete, Detail: "limit", Names: []string{string(e.Digest), e.Tag}}}
	}
	if e, ok := errors.AsType[*plan.BrakeError](err); ok {
		limits := make(map[string]int)
		var names []string
		for _, b := range e.Brakes {
			limits[b.Limit] = b.Needed
			names = append(names, b.Names...)
		}
		return []Error{{Kind: ErrorBrake, Limits: limits, Names: names}}
	}
	return []Error{{Kind: ErrorKind(err.Error())}}
}

// Answer answers a question of planning from the case, without a registry. It returns an
// error where the case serves something that cannot be read.
func (c *Case) Answer(s *plan.Snapshot, q plan.Question) error {
	m := c.asked(q)
	switch {
	case q.Kind == plan.AskConfig:
		return c.answerConfig(s, q)
	case q.Kind == plan.AskReferrers:
		return c.answerReferrers(s, q)
	case m == nil || m.Missing || slices.Contains(c.Faults.Gone, m.ID):
		s.NotFound(q)
	case slices.Contains(c.Faults.Vanished, m.ID):
		if q.Kind == plan.AskTag {
			s.Vanished(q)
		} else {
			s.NotFound(q)
		}
	case q.Kind == plan.AskExists:
		s.Exists(q, c.Content(m.ID).Manifest.Descriptor)
	default:
		content := c.Content(m.ID).Manifest
		return s.Manifest(q, &content)
	}
	return nil
}

// asked returns the manifest that a question is about.
func (c *Case) asked(q plan.Question) *Manifest {
	for i := range c.Manifests {
		m := &c.Manifests[i]
		if q.Kind == plan.AskTag && slices.Contains(m.Tags, q.Tag) || q.Kind != plan.AskTag && c.Digest(m.ID) == q.Digest {
			return m
		}
	}
	return nil
}

func (c *Case) answerConfig(s *plan.Snapshot, q plan.Question) error {
	for _, content := range maps.All(c.content) {
		if content.Config != nil && content.Config.Descriptor.Digest == q.Digest {
			s.Config(q, content.Config.Data)
			return nil
		}
	}
	s.NotFound(q)
	return nil
}

func (c *Case) answerReferrers(s *plan.Snapshot, q plan.Question) error {
	if c.Referrers != ReferrersAPI {
		s.NoReferrersAPI()
		return nil
	}
	var referrers []regret.Descriptor
	for i := range c.Manifests {
		if m := &c.Manifests[i]; m.Subject != "" && !m.Missing && c.Digest(m.Subject) == q.Digest {
			referrers = append(referrers, c.Content(m.ID).Manifest.Descriptor)
		}
	}
	return s.Referrers(q, referrers)
}
