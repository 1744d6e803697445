package apply

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// maxShown bounds how many results, tags and other things of one kind a text names.
const maxShown = 20

// String returns what people want to know, the worst first: what is lost, and how to restore
// it; what is still present; how many steps ended how; and why those did that did not end as
// planned.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s   %s\n", r.Registry, r.Repository, r.Totals())
	r.writeLost(&b)
	r.writeRemnants(&b)
	r.writeSurvival(&b)
	if r.Problem != "" {
		fmt.Fprintf(&b, "the run ended with: %s\n", redact.Printable(r.Problem, maxProse))
	}
	r.writeResults(&b)
	return b.String()
}

// maxProse bounds what is shown of a reason, in bytes.
const maxProse = 500

// String returns the counts on one line.
func (t Totals) String() string {
	var parts []string
	for _, s := range statuses {
		if n := t.ByStatus[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing to do"}
	}
	text := strings.Join(parts, ", ")
	if t.Bytes > 0 {
		text += fmt.Sprintf("   frees at most %s, after garbage collection", bytesInWords(t.Bytes))
	}
	return text
}

func (r *Report) writeLost(b *strings.Builder) {
	for i, lost := range r.Lost {
		if i == maxShown {
			fmt.Fprintf(b, "LOST: and %d more tags\n", len(r.Lost)-i)
			break
		}
		why := "it was pushed onto one of the deleted manifests in the moment before, or somebody else removed it"
		if lost.Ours {
			why = "this run took it away"
		}
		fmt.Fprintf(b, "LOST: the tag %s, last seen on %s; %s\n", lost.Tag, lost.Digest, why)
	}
	if len(r.Lost) > 0 {
		fmt.Fprintf(b, "To get back what this run took, restore the archive of the plan %s with undo.Restore.\n", r.Plan)
	}
}

func (r *Report) writeRemnants(b *strings.Builder) {
	for i, left := range r.StillPresent {
		if i == maxShown {
			fmt.Fprintf(b, "still present: and %d more tags\n", len(r.StillPresent)-i)
			break
		}
		how := "listed, but leads nowhere"
		if left.Served {
			how = "still serves " + string(left.Digest) + ", or it was pushed again"
		}
		fmt.Fprintf(b, "still present: the tag %s: %s\n", left.Tag, how)
	}
}

func (r *Report) writeSurvival(b *strings.Builder) {
	if r.Survival == nil {
		return
	}
	fmt.Fprintf(b, "what stays is served: %s, %s, %s\n", count(r.Survival.Images, "image"), count(r.Survival.Manifests, "manifest"), count(r.Survival.Blobs, "blob"))
	for i, damage := range r.Survival.Missing {
		if i == maxShown {
			fmt.Fprintf(b, "missing: and %d more\n", len(r.Survival.Missing)-i)
			break
		}
		name := damage.Tag
		if name == "" {
			name = string(damage.Image)
		}
		why := ""
		switch {
		case damage.Ours:
			why = "; this run deleted it: restore the archive"
		case damage.Before:
			why = "; it was missing before"
		}
		fmt.Fprintf(b, "missing: %s, which %s needs%s\n", damage.Digest, name, why)
	}
}

// writeResults writes the results of the steps that did not end as planned.
func (r *Report) writeResults(b *strings.Builder) {
	asPlanned := []Status{Deleted, Untagged, Quarantined, Spared, NotAttempted}
	shown := 0
	for i := range r.Results {
		result := &r.Results[i]
		if slices.Contains(asPlanned, result.Status) && (result.Reason == "" || result.Status == Spared) {
			continue
		}
		if shown++; shown <= maxShown {
			fmt.Fprintf(b, "%s\n", *result)
		}
	}
	if shown > maxShown {
		fmt.Fprintf(b, "and %d more\n", shown-maxShown)
	}
}

// String returns the result on one line.
func (r Result) String() string {
	name := string(r.Digest)
	if len(r.Tags) > 0 {
		name = strings.Join(r.Tags[:min(len(r.Tags), 3)], ", ")
		if more := len(r.Tags) - 3; more > 0 {
			name += fmt.Sprintf(" and %d more", more)
		}
		name += " (" + string(r.Digest) + ")"
	}
	text := fmt.Sprintf("%s: %s", name, r.Status)
	if r.Reason != "" {
		text += ": " + redact.Printable(r.Reason, maxProse)
	}
	return text
}

// bytesInWords returns a size in binary units.
func bytesInWords(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, units := float64(n)/1024, "KMGTPE"
	for size >= 1024 && len(units) > 1 {
		size, units = size/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", size, units[0])
}

// count returns a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// listNames returns the first of n names, and how many there are.
func listNames(n int, name func(i int) string) string {
	const shown = 10
	var names []string
	for i := range min(n, shown) {
		names = append(names, name(i))
	}
	text := strings.Join(names, ", ")
	if n > shown {
		text += fmt.Sprintf(" and %d more", n-shown)
	}
	return text
}
