package model

import (
	"time"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// A date is an instant and where it was found. The zero date is unknown.
type date struct {
	time.Time
	source string
}

// age returns when a manifest was uploaded, if a list says so, and otherwise the newest date in it.
func (s *scenario) age(id string) date {
	m := s.manifests[id]
	if !m.there {
		return date{}
	}
	if s.listsDigests() && s.isPlausible(m.Uploaded) {
		return date{m.Uploaded.Truncate(time.Second), "uploaded"}
	}
	return s.newestDateIn(id)
}

// newestDateIn returns the newest of the dates in a manifest: its annotation, and that of its config
// or those of its runnable children. Of equal ones, that of an annotation counts.
func (s *scenario) newestDateIn(id string) date {
	m := s.manifests[id]
	if !m.there {
		return date{}
	}
	newest := s.dateOf(m.Created.Annotation, "annotation")
	add := func(d date) {
		if d.After(newest.Time) || d.Equal(newest.Time) && d.source == "annotation" {
			newest = d
		}
	}
	switch m.Kind {
	case cases.KindImage, cases.KindCosign, cases.KindAttestation:
		add(s.dateOf(m.Created.Config, "config"))
	case cases.KindIndex:
		for _, child := range m.Children {
			if s.manifests[child].Kind != cases.KindAttestation {
				add(s.newestDateIn(child))
			}
		}
	}
	return newest
}

// dateOf reads a date that a manifest states. One that is implausible counts as absent.
func (s *scenario) dateOf(text *string, source string) date {
	if text == nil {
		return date{}
	}
	t, err := time.Parse(time.RFC3339, *text)
	if err != nil || !s.isPlausible(t) {
		return date{}
	}
	return date{t.Truncate(time.Second), source}
}

// isPlausible reports whether something can have been made at t: not before Docker, and not after
// tomorrow.
func (s *scenario) isPlausible(t time.Time) bool {
	return !t.Before(time.Date(2013, 3, 20, 0, 0, 0, 0, time.UTC)) && !t.After(s.Now.Add(24*time.Hour))
}
