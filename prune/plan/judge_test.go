package plan_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// This file says with the model of package slow whether what a plan deletes is what
// can be deleted.

var (
	companionPattern = regexp.MustCompile(`^(sha256|sha512)-([0-9a-f]{64})([0-9a-f]*)(\..*)?$`)
	trashPattern     = regexp.MustCompile(`^regret-trash-(\d{8})-[0-9a-f]{8}-([0-9a-f]{12}|names-\d+)$`)
)

func classOf(tag string) string {
	switch {
	case companionPattern.MatchString(tag):
		return "companion"
	case trashPattern.MatchString(tag):
		return "trash"
	}
	return "ordinary"
}

// fault returns what is wrong with what a document deletes or takes off; "" if nothing is.
func (d *document) fault() string {
	p, err := policy.Parse(d.Policy)
	if err != nil {
		return err.Error()
	}
	nodes, digests := d.nodes(p)
	goes := nodes.Goes(slow.AllRules...)
	deleted := map[regret.Digest]bool{}
	for _, s := range d.Steps {
		switch {
		case s.Action != "delete":
		case !goes[slices.Index(digests, s.Digest)]:
			return fmt.Sprintf("%s is deleted, but must stay", s.Digest)
		case deleted[s.Digest]:
			return fmt.Sprintf("%s is deleted twice", s.Digest)
		default:
			deleted[s.Digest] = true
		}
	}
	for m, dgst := range digests {
		if goes[m] && !deleted[dgst] {
			return fmt.Sprintf("%s is not deleted, but nothing holds it", dgst)
		}
	}
	return d.faultOfOrder(deleted)
}

// faultOfOrder returns what is wrong with the order of the steps, or with the tags they
// take off.
func (d *document) faultOfOrder(deleted map[regret.Digest]bool) string {
	done, off := map[regret.Digest]bool{}, map[regret.Digest][]string{}
	for _, s := range d.Steps {
		for _, before := range s.After {
			if !done[before] {
				return fmt.Sprintf("the step for %s comes before that for %s", s.Digest, before)
			}
		}
		for _, other := range d.Steps {
			if s.Action == "delete" && other.Action == "delete" && slices.Contains(other.Lists, s.Digest) && !slices.Contains(s.After, other.Digest) {
				return fmt.Sprintf("%s is not deleted after %s, which lists it", s.Digest, other.Digest)
			}
		}
		if s.Action == "delete" {
			done[s.Digest] = true
			continue
		}
		if off[s.Digest] = append(off[s.Digest], s.Untag...); deleted[s.Digest] || len(off[s.Digest]) >= len(s.Tags) {
			return fmt.Sprintf("%s loses its last tag", s.Digest)
		}
	}
	return ""
}

// nodes returns all manifests that the document names, and their digests.
func (d *document) nodes(p *policy.Policy) (nodes slow.Nodes, digests []regret.Digest) {
	number := func(dgst regret.Digest) int {
		i := slices.Index(digests, dgst)
		if i < 0 {
			i = len(digests)
			digests = append(digests, dgst)
			nodes = append(nodes, slow.Node{Subject: slow.NoSubject})
		}
		return i
	}
	tags := map[int][]string{}
	add := func(dgst, subject regret.Digest, lists []regret.Digest, names []string, selected, inUse bool) {
		i := number(dgst)
		for _, child := range lists {
			child := number(child)
			nodes[i].Lists = append(nodes[i].Lists, child)
		}
		if subject != "" {
			subject := number(subject)
			nodes[i].Subject = subject
		}
		nodes[i].Selected, nodes[i].InUse, tags[i] = selected, inUse, names
	}
	for _, s := range d.Steps {
		if s.Action == "delete" {
			add(s.Digest, s.Subject, s.Lists, s.Tags, s.Selected, s.InUse)
		}
	}
	for _, k := range d.Kept {
		add(k.Digest, k.Subject, k.Lists, k.Tags, k.Selected, k.InUse)
	}
	for _, dgst := range d.Missing {
		i := number(dgst)
		nodes[i].Missing = true
	}
	for i, names := range tags {
		for _, name := range names {
			nodes[i].Tags = append(nodes[i].Tags, d.tag(p, name, nodes, digests))
		}
	}
	return nodes, digests
}

// tag returns what kind of tag a tag is, by the policy.
func (d *document) tag(p *policy.Policy, name string, nodes slow.Nodes, digests []regret.Digest) slow.Tag {
	if m := trashPattern.FindStringSubmatch(name); m != nil {
		day, err := time.Parse("20060102", m[1])
		for _, r := range p.Remove() {
			if span, ok := r.OlderThan(); err == nil && ok && r.Trash() && day.AddDate(0, 0, 1).Before(span.Before(d.At)) {
				return slow.Tag{Kind: slow.Taken}
			}
		}
		return slow.Tag{Kind: slow.Fixed}
	}
	m := companionPattern.FindStringSubmatch(name)
	if m == nil {
		return slow.Tag{Kind: slow.Ordinary}
	}
	tag := slow.Tag{Kind: slow.Companion}
	hex := (m[2] + m[3])[:min(len(m[2]+m[3]), map[string]int{"sha256": 64, "sha512": 128}[m[1]])]
	whole := regret.Digest(m[1] + ":" + hex)
	there, gone := false, false
	for i, dgst := range digests {
		if strings.HasPrefix(string(dgst), m[1]+":"+m[2]) {
			tag.Of = append(tag.Of, i)
			there, gone = there || !nodes[i].Missing, gone || nodes[i].Missing && dgst == whole
		}
	}
	orphans := slices.ContainsFunc(p.Remove(), func(r *policy.Rule) bool { return r.Orphans() })
	if cut := whole.Validate() != nil; orphans && !there && (gone || cut && d.NamesAll) {
		tag.Kind = slow.Taken
	}
	return tag
}
