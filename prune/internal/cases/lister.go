package cases

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/seed-8cb7cc86/regret"
)

// Lister is a native API of a registry, which lists all manifests of a case with their times. It
// always lists the content that the case begins with.
type Lister struct {
	c     *Case
	begun atomic.Int32 // number of lists
}

// Lister returns the native API of the registry. It reports false if there is none, which is so
// unless the case has [ListingLister].
func (c *Case) Lister() (*Lister, bool) {
	return &Lister{c: c}, c.Listing == ListingLister
}

// List yields an entry for each manifest. Of the faults, a truncated list ends with an error, and a
// vanished manifest is only in the first list.
func (l *Lister) List(ctx context.Context, repository string) iter.Seq2[regret.ListEntry, error] {
	return func(yield func(regret.ListEntry, error) bool) {
		again := l.begun.Add(1) > 1
		if repository != l.c.Repository {
			yield(regret.ListEntry{}, errors.New("the native API does not know the repository "+repository))
			return
		}
		for _, m := range l.c.Manifests {
			if m.Missing || again && slices.Contains(l.c.Faults.Vanished, m.ID) {
				continue
			}
			if ctx.Err() != nil {
				yield(regret.ListEntry{}, context.Cause(ctx))
				return
			}
			if !yield(l.entry(m), nil) {
				return
			}
		}
		if l.c.Faults.List != "" {
			yield(regret.ListEntry{}, errors.New("the native API failed after some entries"))
		}
	}
}

func (l *Lister) entry(m Manifest) regret.ListEntry {
	return regret.ListEntry{
		Tags:        slices.Clone(m.Tags),
		Descriptor:  l.c.content[m.ID].Manifest.Descriptor,
		Uploaded:    m.Uploaded,
		Pulled:      m.Pulled.At,
		NeverPulled: m.Pulled.Never,
	}
}
