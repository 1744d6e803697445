package undo

import (
	"fmt"
	"strings"

	"github.com/seed-8cb7cc86/regret"
)

// A Status says how restoring a manifest or a tag ended. In a dry run it says how it would
// end, as far as reading tells.
type Status string

// How restoring something ended.
const (
	Restored     Status = "restored"
	AlreadyThere Status = "already there"
	Joined       Status = "joined"        // a list of referrers: its entries are in the list that is there by now
	Moved        Status = "moved"         // a tag that pointed elsewhere
	Removed      Status = "removed"       // a tag of the trash that is not needed any more, or an index of names
	Elsewhere    Status = "elsewhere"     // a tag that points to something else, and was left there
	Lost         Status = "lost"          // it, or what it needs, is neither at the registry nor in the archive
	Refused      Status = "refused"       // the registry does not allow it, or did not allow what it needs
	Failed       Status = "failed"        // another try may succeed
	NotAttempted Status = "not attempted" // what it needs has failed, or the context ended before
)

// IsBack reports whether a manifest or tag is as it was, or, if it is a list of referrers,
// holds what it held.
func (s Status) IsBack() bool {
	return s == Restored || s == AlreadyThere || s == Joined || s == Moved || s == Removed
}

// A Result says how restoring one manifest or one tag ended.
type Result struct {
	Digest regret.Digest
	Tag    string // empty for the manifest itself
	Status Status
	Reason string          // why it ended so; may be empty
	Lacks  []regret.Digest // what the manifest needs and the registry does not have
	Found  regret.Digest   // what a tag pointed to, if that was something else
	Err    error           // of a refusal or failure, such as a [*regret.Error]
}

// String returns the result on one line.
func (r Result) String() string {
	name := string(r.Digest)
	if r.Tag != "" {
		name = strings.TrimSuffix(r.Tag+" "+name, " ")
	}
	text := name + ": " + string(r.Status)
	for _, part := range []string{r.Reason, errorText(r.Err)} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A Report says what a call of [Restore] or [RestoreTrash] did. Its results add up: of
// Restore, there is one for each manifest that the plan takes away or takes tags off, in the
// order of the plan, and then one for each tag.
type Report struct {
	Plan                 regret.Digest // of Restore
	Registry, Repository string
	DryRun               bool
	Results              []Result
}

// Count returns how many results have a status.
func (r *Report) Count(s Status) (n int) {
	for i := range r.Results {
		if r.Results[i].Status == s {
			n++
		}
	}
	return n
}

// IsComplete reports whether everything is back.
func (r *Report) IsComplete() bool {
	for i := range r.Results {
		if !r.Results[i].Status.IsBack() {
			return false
		}
	}
	return true
}

// String returns how many results have each status, and on further lines those that are not
// as the plan found them.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s", r.Registry, r.Repository)
	if r.DryRun {
		b.WriteString(" (dry run)")
	}
	separator := ": "
	for _, s := range []Status{Restored, AlreadyThere, Joined, Moved, Removed, Elsewhere, Lost, Refused, Failed, NotAttempted} {
		if n := r.Count(s); n > 0 {
			fmt.Fprintf(&b, "%s%d %s", separator, n, s)
			separator = ", "
		}
	}
	for _, result := range r.Results {
		if !result.Status.IsBack() || result.Reason != "" {
			b.WriteString("\n" + result.String())
		}
	}
	return b.String()
}
