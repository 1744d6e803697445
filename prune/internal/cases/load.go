package cases

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

//go:embed testdata/*.jsonl
var testdata embed.FS

// Load returns all cases, file by file. It fails if one has an unknown key, contradicts itself, or
// names another digest than its bytes have.
func Load() ([]*Case, error) {
	names, err := fs.Glob(testdata, "testdata/*.jsonl")
	if err != nil {
		return nil, err
	}
	var all []*Case
	for _, name := range names {
		data, err := fs.ReadFile(testdata, name)
		if err != nil {
			return nil, err
		}
		some, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, some...)
	}
	return all, checkIDs(all)
}

func checkIDs(all []*Case) error {
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.ID] {
			return fmt.Errorf("two cases are called %q", c.ID)
		}
		seen[c.ID] = true
	}
	return nil
}

// Parse reads cases, one a line.
func Parse(data []byte) ([]*Case, error) {
	var all []*Case
	for number, line := range slices.Collect(bytes.Lines(data)) {
		c := &Case{}
		if err := json.Unmarshal(line, c, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
		if err := c.prepare(); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", number+1, c.ID, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// prepare completes a case that was just decoded.
func (c *Case) prepare() error {
	c.Repository = cmp.Or(c.Repository, "team/app")
	if err := c.check(); err != nil {
		return err
	}
	if err := c.build(); err != nil {
		return err
	}
	c.substitute()
	return c.checkNames()
}

// check looks for values that the format does not have, and for ids that do not exist.
func (c *Case) check() error {
	switch {
	case c.ID == "" || len(c.Kinds) == 0 || c.Now.IsZero():
		return fmt.Errorf("id, kinds or now is missing")
	case (c.Policy == nil) == (c.PolicyText == nil):
		return fmt.Errorf("there must be either policy or policy-text")
	case !slices.Contains([]Listing{ListingOCI, ListingGoogle, ListingLister}, c.Listing):
		return fmt.Errorf("unknown listing %q", c.Listing)
	case !slices.Contains([]ReferrersSource{ReferrersAPI, ReferrersFallback, ReferrersNone}, c.Referrers):
		return fmt.Errorf("unknown source of referrers %q", c.Referrers)
	case c.Faults.List != "" && c.Faults.List != "truncated":
		return fmt.Errorf("unknown fault of the list %q", c.Faults.List)
	case len(c.Alternatives) > 0 && len(c.Ambiguous) == 0:
		return fmt.Errorf("there are alternatives, but nothing is ambiguous")
	}
	ids := map[string]bool{"": true}
	for _, m := range c.Manifests {
		if ids[m.ID] {
			return fmt.Errorf("manifest id %q is empty or not unique", m.ID)
		}
		ids[m.ID] = true
	}
	for _, id := range c.mentioned() {
		if !ids[id] {
			return fmt.Errorf("there is no manifest %q", id)
		}
	}
	for _, e := range c.readings() {
		if err := e.check(); err != nil {
			return err
		}
	}
	return nil
}

// mentioned returns all ids that a case mentions.
func (c *Case) mentioned() []string {
	ids := slices.Concat(c.Faults.Gone, c.Faults.Vanished, c.Faults.Unparsable, c.Faults.DigestEntries)
	for _, m := range c.Manifests {
		ids = slices.Concat(ids, m.Children, m.Lists, []string{m.Subject, m.Of})
	}
	for _, e := range c.readings() {
		for id := range e.Images {
			ids = append(ids, id)
		}
		for id := range e.Others {
			ids = append(ids, id)
		}
		for _, step := range e.Steps {
			ids = append(append(ids, step.ID), step.After...)
		}
		ids = append(ids, e.Reported...)
	}
	return ids
}

// readings returns the proposed reading and the alternatives.
func (c *Case) readings() []*Expect {
	all := []*Expect{&c.Expect}
	for i := range c.Alternatives {
		all = append(all, &c.Alternatives[i])
	}
	return all
}

func (e *Expect) check() error {
	if e.Error != nil {
		if e.Images != nil || e.Steps != nil || e.Others != nil {
			return fmt.Errorf("an error comes without images and steps")
		}
		if !slices.Contains([]ErrorKind{ErrorPolicy, ErrorInUse, ErrorIncomplete, ErrorBrake}, e.Error.Kind) {
			return fmt.Errorf("unknown kind of error %q", e.Error.Kind)
		}
	}
	for id, image := range e.Images {
		if !slices.Contains([]Verdict{Keep, Remove, Untag}, image.Verdict) {
			return fmt.Errorf("image %s: unknown verdict %q", id, image.Verdict)
		}
	}
	for id, verdict := range e.Others {
		if verdict != Keep && verdict != Remove {
			return fmt.Errorf("other %s: unknown verdict %q", id, verdict)
		}
	}
	for _, step := range e.Steps {
		if step.Action != DeleteManifest && step.Action != RemoveTags {
			return fmt.Errorf("step of %s: unknown action %q", step.ID, step.Action)
		}
	}
	return nil
}

// substitute replaces {X}, {X:12} and {X.config} in tags and in-use lists by digits of digests.
func (c *Case) substitute() {
	var pairs []string
	for id, content := range c.content {
		hex := content.Manifest.Descriptor.Digest.Encoded()
		pairs = append(pairs, "{"+id+"}", hex, "{"+id+":12}", hex[:12])
		if content.Config != nil {
			pairs = append(pairs, "{"+id+".config}", content.Config.Descriptor.Digest.Encoded())
		}
	}
	digits := strings.NewReplacer(pairs...)
	replace := func(list []string) {
		for i, s := range list {
			list[i] = digits.Replace(s)
		}
	}
	for _, m := range c.Manifests {
		replace(m.Tags)
	}
	replace(c.Faults.Entries)
	for name, file := range c.Files {
		file.Content = digits.Replace(file.Content)
		c.Files[name] = file
	}
	for _, e := range c.readings() {
		for _, image := range e.Images {
			replace(image.SharedWith)
			replace(image.Untag)
		}
		for _, step := range e.Steps {
			replace(step.Tags)
		}
		if e.Error != nil {
			replace(e.Error.Names)
		}
	}
}

// checkNames reports a tag that two manifests have or that names an id which does not exist, and a
// blob that does not exist.
func (c *Case) checkNames() error {
	seen := map[string]bool{}
	for _, m := range c.Manifests {
		for _, tag := range m.Tags {
			if seen[tag] || strings.ContainsAny(tag, "{}") {
				return fmt.Errorf("tag %q is not unique or names an unknown id", tag)
			}
			seen[tag] = true
		}
	}
	blobs := c.blobs()
	for _, e := range c.readings() {
		for _, name := range e.Freed {
			if blobs[name].Digest == "" {
				return fmt.Errorf("there is no blob %q", name)
			}
		}
	}
	return nil
}
