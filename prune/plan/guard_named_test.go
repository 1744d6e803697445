package plan_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestGuardOfTagsThatGoByTheirName is about tags that rules take by their name alone: what they pointed
// to when the plan was made still goes, but nothing else that they are moved onto.
func TestGuardOfTagsThatGoByTheirName(t *testing.T) {
	t.Parallel()
	const trashTag = "regret-trash-20260101-0123abcd-0123456789ab"
	orphanTag := companionOf(digest.FromString("gone")) + ".sig"
	for name, test := range map[string]struct {
		change func(s *guardStage)
		held   string
	}{
		"they still go when something else has changed": {func(s *guardStage) {
			s.put("new", "v9")
		}, "kept new signature of kept"},
		"a tag of the trash":                 {func(s *guardStage) { s.move(trashTag, "image") }, "image kept referrer signature signature of kept"},
		"a tag whose owner is gone":          {func(s *guardStage) { s.move(orphanTag, "image") }, "image kept referrer signature signature of kept"},
		"a companion tag of what goes along": {func(s *guardStage) { s.move(s.companion("image", ".sig"), "index") }, "kept signature of kept"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newGuardStage(t)
			s.put("signature of kept", s.companion("kept", ".sig"))
			s.put("discarded", trashTag)
			s.put("orphan", orphanTag)
			s.guardOf(strings.Replace(guardRules, `{"orphans": true}`, `{"orphans": true}, {"trash": true, "older-than": "14d"}`, 1))
			test.change(s)
			s.tell(t, s.guard)
			if held := s.held(); held != test.held {
				t.Errorf("it holds %q, want %q", held, test.held)
			}
		})
	}
	for name, test := range map[string]struct {
		change func(s *guardStage)
		held   string
	}{
		"it still goes when something else has changed": {func(s *guardStage) {
			s.put("new", "v9")
		}, "a b index kept new"},
		"a companion tag that a rule names": {func(s *guardStage) {
			s.move(s.companion("kept", ".sig"), "image")
		}, "a b image index kept referrer signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newGuardStage(t)
			named := s.companion("kept", ".sig")
			s.put("signature of kept", named)
			s.guardOf(`{"version": 1, "keep": [{"name": "in use", "file": "running.txt"}], "remove": [{"references": ["pr-1", "` + named + `"]}],
				"limits": {"max-percent": 100, "min-left": 0}}`)
			test.change(s)
			s.tell(t, s.guard)
			if held := s.held(); held != test.held {
				t.Errorf("it holds %q, want %q", held, test.held)
			}
		})
	}
}

// guardOf makes a plan by other rules, and sets its guard.
func (s *guardStage) guardOf(rules string) {
	s.tb.Helper()
	p, err := s.planOf(rules, runningNow(s.tb, "registry.example.com/acme/app:latest"))
	if err != nil {
		s.tb.Fatal(err)
	}
	if s.guard, err = p.Guard(); err != nil {
		s.tb.Fatal(err)
	}
	for _, name := range []string{"image", "signature of kept"} {
		gone := false
		for step := range p.Steps() {
			gone = gone || step.Digest == s.names[name].Digest
		}
		if gone != (name == "image" || strings.Contains(rules, "references")) {
			s.tb.Errorf("%s goes: %t", name, gone)
		}
	}
}
