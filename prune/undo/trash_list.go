package undo

import (
	"context"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// A Trash is what is in the trash of a repository.
type Trash struct {
	Images []TrashEntry // by tag
	Names  []TrashEntry // the indexes that keep the names of images, by tag
}

// A TrashEntry is a tag of the trash.
type TrashEntry struct {
	Tag    string
	Digest regret.Digest // what it points to; empty if that is gone or not known
	Day    time.Time     // on which it was put there, at its beginning, in UTC; its age counts from the end
	Plan   string        // the first 8 digits of the digest of the plan that put it there
	Names  []string      // of an image: the tags that RestoreTrash gives back, sorted
	// Problem says why RestoreTrash cannot give an image all its tags back, or cannot read the
	// names. It is empty if it can.
	Problem string
	Err     error // of the registry; may be nil
}

// TrashOptions say how to read the trash. The zero value, or nil, is right to begin with.
type TrashOptions struct {
	// Concurrency is how many requests are in flight at once; by default 8.
	Concurrency int
}

// ReadTrash returns what is in the trash of a repository. What cannot be read of it is in the
// entries, see [TrashEntry.Problem]. Whether a tag that an image had points to something else
// by now is not looked at: a dry run of [RestoreTrash] does.
//
// The error is that of reading the list of tags, or that of the context.
//
// Sends the requests of [regret.Client.Tags], a GET for each index of names and a HEAD for
// each other tag of the trash.
func ReadTrash(ctx context.Context, r TrashReader, repository string, o *TrashOptions) (*Trash, error) {
	reading := &trashRestoring{reader: r, repository: repository}
	if o != nil {
		reading.Concurrency = o.Concurrency
	}
	if reading.Concurrency <= 0 {
		reading.Concurrency = defaultConcurrency
	}
	if err := reading.read(ctx); err != nil {
		return nil, err
	}
	found := new(Trash)
	for _, t := range reading.tags {
		found.Images = append(found.Images, reading.entry(t))
	}
	for _, index := range reading.indexes {
		found.Names = append(found.Names, TrashEntry{
			Tag: index.name, Digest: index.digest, Day: index.Day, Plan: index.Plan,
			Problem: problem(index.result), Err: index.result.Err,
		})
	}
	return found, nil
}

// entry returns what is known of a tag of the trash.
func (r *trashRestoring) entry(t *trashTag) TrashEntry {
	e := TrashEntry{Tag: t.name, Digest: t.digest, Day: t.Day, Plan: t.Plan, Problem: problem(t.result), Err: t.result.Err}
	switch {
	case t.placeholder != "":
		e.Problem = "taking it out of the trash was interrupted, when its image had its names back: RestoreTrash removes the tag"
	case e.Problem == "":
		if e.Names = r.namesOf(t); len(e.Names) == 0 {
			e.Problem = namesLost
		}
	case t.result.Found != "":
		e.Digest = t.result.Found
	}
	slices.Sort(e.Names)
	e.Names = slices.Compact(e.Names)
	return e
}

// problem returns why something was settled while it was read.
func problem(r Result) string {
	if r.Status != "" && r.Reason == "" {
		return "it cannot be read"
	}
	return r.Reason
}
