package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// maxNamed bounds how many results, tags and other things of one kind a text names.
const maxNamed = 20

// endings are all statuses of steps, in the order in which people read them.
var endings = []apply.Status{
	apply.Deleted, apply.Untagged, apply.Quarantined, apply.Spared, apply.AlreadyGone, apply.Stale, apply.Held,
	apply.Refused, apply.Failed, apply.Unknown, apply.NotAttempted,
}

// reportText returns what people want to know of a report, the worst first.
func (c *carrying) reportText(t *task, r *apply.Report) string {
	var b strings.Builder
	c.writeLost(&b, t, r)
	writeRemnants(&b, r)
	if c.several {
		fmt.Fprintf(&b, "%s: ", terminal.Safe(t.name()))
	}
	images, others := groupResults(t.plan, r)
	if len(images)+len(others) == 0 {
		b.WriteString("nothing to do\n")
	} else {
		writeCounts(&b, "", images)
		writeReasons(&b, images, t.folder)
		writeCounts(&b, "with them: ", others)
		writeReasons(&b, others, t.folder)
	}
	c.writeSurvival(&b, t, r)
	c.writeUntil(&b, t, r)
	return b.String()
}

// groupResults separates what was to go from what only belongs to it, such as the children of
// indexes. People count the former.
func groupResults(p *plan.Plan, r *apply.Report) (images, others []apply.Result) {
	i := 0
	for step := range p.Steps() {
		if i == len(r.Results) {
			break
		}
		isPart := step.Action == plan.Delete && slices.Contains([]plan.Role{plan.RoleChild, plan.RoleAttestation, plan.RoleReferrer, plan.RoleList}, step.Role)
		if isPart {
			others = append(others, r.Results[i])
		} else {
			images = append(images, r.Results[i])
		}
		i++
	}
	if len(images) == 0 {
		return others, nil
	}
	return images, others
}

// writeCounts writes how many results have each status. Of a single one that did not end as planned
// it says which it is, and why.
func writeCounts(b *strings.Builder, label string, results []apply.Result) {
	var parts []string
	for _, status := range endings {
		all := withStatus(results, status)
		if len(all) == 0 {
			continue
		}
		part := string(status) + " " + terminal.Number(len(all))
		if len(all) == 1 && all[0].Reason != "" {
			part += fmt.Sprintf(" (%s: %s)", terminal.Safe(nameOf(&all[0])), safeReason(all[0].Reason))
		}
		parts = append(parts, part)
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "%s%s\n", label, strings.Join(parts, " · "))
	}
}

// withStatus returns the results that have a status.
func withStatus(results []apply.Result, status apply.Status) []apply.Result {
	return slices.DeleteFunc(slices.Clone(results), func(r apply.Result) bool { return r.Status != status })
}

// nameOf returns what people call the object of a result: its tags, or its digest.
func nameOf(r *apply.Result) string {
	const most = 3
	switch n := len(r.Tags); {
	case n == 0:
		return string(r.Digest)
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(r.Tags[:most], ", "), n-most)
	}
	return strings.Join(r.Tags, ", ")
}

// writeReasons names what did not end as planned, unless the counts do.
func writeReasons(b *strings.Builder, results []apply.Result, folder string) {
	shown := 0
	for _, status := range []apply.Status{apply.Stale, apply.Held, apply.Refused, apply.Failed, apply.Unknown} {
		all := withStatus(results, status)
		if len(all) == 1 && all[0].Reason != "" {
			continue
		}
		for i := range all {
			if shown++; shown <= maxNamed {
				fmt.Fprintf(b, "  %s %s: %s\n", status, terminal.Safe(nameOf(&all[i])), safeReason(all[i].Reason))
			}
		}
	}
	if shown > maxNamed {
		fmt.Fprintf(b, "  and %s more: regret show %s\n", terminal.Number(shown-maxNamed), terminal.Safe(folder))
	}
}

func (c *carrying) writeLost(b *strings.Builder, t *task, r *apply.Report) {
	for i, lost := range r.Lost {
		if i == maxNamed {
			fmt.Fprintf(b, "LOST: and %s more tags\n", terminal.Number(len(r.Lost)-i))
			break
		}
		why := "it was pushed onto something that was deleted in the moment before, or somebody else removed it"
		if lost.Ours {
			why = "this run took it away"
		}
		fmt.Fprintf(b, "LOST: the tag %s, last seen on %s: %s\n", terminal.Safe(lost.Tag), lost.Digest, why)
	}
	if len(r.Lost) > 0 {
		fmt.Fprintf(b, "To get back what this run took: %s\n", c.undoCommand(t))
	}
}

func writeRemnants(b *strings.Builder, r *apply.Report) {
	for i, left := range r.StillPresent {
		if i == maxNamed {
			fmt.Fprintf(b, "still present: and %s more tags\n", terminal.Number(len(r.StillPresent)-i))
			break
		}
		how := "listed, but leads nowhere"
		if left.Served {
			how = "still serves " + string(left.Digest) + ", or it was pushed again"
		}
		fmt.Fprintf(b, "still present: the tag %s: %s\n", terminal.Safe(left.Tag), how)
	}
}

// writeSurvival says whether what stays is whole.
func (c *carrying) writeSurvival(b *strings.Builder, t *task, r *apply.Report) {
	s := r.Survival
	if s == nil {
		return
	}
	for i, damage := range s.Missing {
		name := damage.Tag
		if name == "" {
			name = string(damage.Image)
		}
		why := ""
		switch {
		case damage.Ours:
			why = "; this run deleted it: " + c.undoCommand(t)
		case damage.Before:
			why = "; it was missing before"
		}
		if i < maxNamed {
			fmt.Fprintf(b, "missing: %s, which %s needs%s\n", damage.Digest, terminal.Safe(name), why)
		}
	}
	if more := len(s.Missing) - maxNamed; more > 0 {
		fmt.Fprintf(b, "missing: and %s more\n", terminal.Number(more))
	}
	parts := fmt.Sprintf("%s, %s", count(s.Manifests, "manifest"), count(s.Blobs, "blob"))
	switch {
	case len(s.Missing) > 0:
		fmt.Fprintf(b, "Kept and there: %s, %s; missing: %s.\n", count(s.Images, "image"), parts, terminal.Number(len(s.Missing)))
	case s.Images == 1:
		fmt.Fprintf(b, "1 kept image is whole: %s.\n", parts)
	default:
		fmt.Fprintf(b, "%s are whole: %s.\n", count(s.Images, "kept image"), parts)
	}
}

// writeUntil says when disk space comes back, and until when the deletions can be taken back.
func (c *carrying) writeUntil(b *strings.Builder, t *task, r *apply.Report) {
	switch {
	case r.Count(apply.Deleted) > 0:
		who := "the registry"
		if product := undo.CollectorAt(r.Registry).Product; product != "" {
			who = product
		}
		fmt.Fprintf(b, "Disk space comes back when %s collects its garbage; until then this can be undone.\n", who)
	case r.Count(apply.Quarantined) > 0:
		fmt.Fprintf(b, "Nothing is lost yet: %s gives the images their tags back, until the trash is emptied.\n", c.undoCommand(t))
	}
}
