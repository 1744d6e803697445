package prune

import (
	"context"
	"errors"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// list records what the registry's list of tags says, and what the Lister says.
func (r *reading) list(ctx context.Context) error {
	seen := make(map[string]bool)
	isNew := func(name string) bool {
		known := seen[name]
		seen[name] = true
		return !known
	}
	for i, list := range r.lists() {
		var count entryCount
		invalid, err := r.walk(ctx, list, func(e *regret.ListEntry) error {
			count.add(e)
			return r.record(e, isNew)
		})
		if err != nil {
			return err
		}
		r.addInvalid(invalid, isNew)
		isLister := i > 0
		if count.namesAll(isLister) && invalid.Total() == 0 { // an invalid entry may be a manifest
			r.snapshot.NamesAll()
		}
	}
	return nil
}

// lists returns the lists to read: the registry's own and then that of the Lister, if any.
func (r *reading) lists() []Lister {
	if r.Lister == nil {
		return []Lister{r.Reader}
	}
	return []Lister{r.Reader, r.Lister}
}

// walk calls visit for each entry of a list. It returns the entries that the list reported
// as invalid, which may be none.
func (r *reading) walk(ctx context.Context, list Lister, visit func(*regret.ListEntry) error) (*regret.InvalidEntriesError, error) {
	const often = 1000 // entries
	invalid := new(regret.InvalidEntriesError)
	r.begin(PhaseList, 0)
	r.report(func(p *Progress) { p.Requests++ })
	n := 0
	for e, err := range list.List(ctx, r.repository) {
		if err == nil {
			err = visit(&e)
		} else if entries, ok := errors.AsType[*regret.InvalidEntriesError](err); ok && errors.Is(err, regret.ErrInvalidEntries) {
			invalid, err = entries, nil
		}
		if err != nil {
			return nil, r.incomplete(IncompleteList, plan.Question{}, err)
		}
		if n++; n%often == 0 {
			r.report(func(p *Progress) { p.Done = n })
		}
	}
	if err := ctx.Err(); err != nil { // a list that ended because of it may look complete
		return nil, r.incomplete(IncompleteList, plan.Question{}, err)
	}
	r.report(func(p *Progress) { p.Done, p.Total = n, n })
	return invalid, nil
}

// record adds an entry of a list to the snapshot.
func (r *reading) record(e *regret.ListEntry, isNew func(string) bool) error {
	if e.Descriptor.Digest != "" {
		if err := r.snapshot.AddListed(*e); err != nil {
			return err
		}
	}
	for _, tag := range e.Tags {
		switch {
		case !isNew(tag):
		case grammar.Tag(tag) != nil:
			r.snapshot.AddInvalid(tag)
		default:
			r.snapshot.AddTag(tag)
		}
	}
	return nil
}

// addInvalid adds entries that a list reported as invalid. Those that the error does not
// name still count.
func (r *reading) addInvalid(invalid *regret.InvalidEntriesError, isNew func(string) bool) {
	for _, entry := range invalid.Entries {
		if isNew(entry) {
			r.snapshot.AddInvalid(entry)
		}
	}
	for range invalid.Omitted {
		r.snapshot.AddInvalid("(an entry that the error of the list leaves out)")
	}
}

// An entryCount counts the entries of a list by what they name.
type entryCount struct {
	tags      int // entries without a digest
	digests   int // entries with a digest alone
	manifests int // entries with a digest and its media type
}

func (c *entryCount) add(e *regret.ListEntry) {
	switch {
	case e.Descriptor.Digest == "":
		c.tags++
	case e.Descriptor.MediaType == "":
		c.digests++
	default:
		c.manifests++
	}
}

// namesAll reports whether a list names every manifest of the repository. In a list of
// tags, Google's registries do, with the media types; the digests alone that Artifactory
// has there are only those of the children of indexes. A Lister does unless it lists tags.
func (c *entryCount) namesAll(isLister bool) bool {
	if isLister {
		return c.tags == 0 && c.digests+c.manifests > 0
	}
	return c.manifests > 0
}

// listAgain returns which of the tags a second list still has.
func (r *reading) listAgain(ctx context.Context, tags map[string]bool) (map[string]bool, error) {
	still := make(map[string]bool)
	for _, list := range r.lists() {
		_, err := r.walk(ctx, list, func(e *regret.ListEntry) error {
			for _, tag := range e.Tags {
				if tags[tag] {
					still[tag] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return still, nil
}
