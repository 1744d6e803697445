package model

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
)

// A scenario is a repository and a policy.
type scenario struct {
	*cases.Case
	policy    Document
	manifests map[string]*manifest // by id
	ids       []string             // sorted
	inUse     []inUseList          // of the keep rules with a file
	broken    []string             // tags
	known     map[string]bool      // ids of what the decision knows of
	rankings  map[string]*ranking  // that were asked for before

	subjectKnown map[string]bool // ids of what is known to have a subject or none
}

// A manifest is one of the repository, with its tags sorted by class.
type manifest struct {
	*cases.Manifest
	there      bool // the registry has it
	ordinary   []string
	companions []string
	trash      []string
	lists      []string // ids
}

// isImage reports whether rules count, rank and select a manifest.
func (m *manifest) isImage() bool { return m.there && len(m.ordinary) > 0 && m.Subject == "" }

// isTaggedReferrer reports whether rules ask its subject for date and rank.
func (m *manifest) isTaggedReferrer() bool { return m.there && len(m.ordinary) > 0 && m.Subject != "" }

func (m *manifest) hasTags() bool { return len(m.ordinary)+len(m.companions)+len(m.trash) > 0 }

var (
	companionForm = regexp.MustCompile(`^(sha256|sha512)-([0-9a-f]{64,})(\..*)?$`)
	trashForm     = regexp.MustCompile(`^regret-trash-(\d{8})-[0-9a-f]{8}-(?:[0-9a-f]{12}|names-\d+)$`)
)

// read sorts out what the registry has. A tag that is listed and not found is broken, unless a second
// list lacks it. An entry of the list that is no tag is broken, too.
func (s *scenario) read() {
	s.manifests = map[string]*manifest{}
	for i := range s.Manifests {
		m := &manifest{Manifest: &s.Manifests[i]}
		s.manifests[m.ID] = m
		s.ids = append(s.ids, m.ID)
		m.lists = slices.Concat(m.Children, m.Lists)
		gone := slices.Contains(s.Faults.Gone, m.ID)
		m.there = !m.Missing && !gone && !slices.Contains(s.Faults.Vanished, m.ID)
		if gone {
			s.broken = append(s.broken, m.Tags...)
		}
		if !m.there {
			continue
		}
		for _, tag := range m.Tags {
			switch {
			case companionForm.MatchString(tag):
				m.companions = append(m.companions, tag)
			case trashForm.MatchString(tag):
				m.trash = append(m.trash, tag)
			default:
				m.ordinary = append(m.ordinary, tag)
			}
		}
	}
	slices.Sort(s.ids)
	for _, entry := range s.Faults.Entries {
		if !regexp.MustCompile(`^\w[\w.-]{0,127}$`).MatchString(entry) && !digestForm.MatchString(entry) {
			s.broken = append(s.broken, entry)
		}
	}
}

// where returns the ids for which something is true, sorted.
func (s *scenario) where(is func(m *manifest) bool) (ids []string) {
	for _, id := range s.ids {
		if is(s.manifests[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *scenario) images() []string { return s.where((*manifest).isImage) }

// owners returns what a companion tag belongs to and is there: each digest that begins with the
// first 64 digits of the tag.
func (s *scenario) owners(tag string) []string {
	parts := companionForm.FindStringSubmatch(tag)
	prefix := parts[1] + ":" + parts[2][:64]
	return s.where(func(m *manifest) bool {
		return m.there && strings.HasPrefix(s.Digest(m.ID).String(), prefix)
	})
}

// isOrphan reports whether a companion tag belongs to nothing. Of a digest that was cut off in the tag
// only a list of all digests can tell.
func (s *scenario) isOrphan(tag string) bool {
	parts := companionForm.FindStringSubmatch(tag)
	cut := parts[1] == "sha512" && len(parts[2]) < 128
	return len(s.owners(tag)) == 0 && (!cut || s.listsDigests())
}

// listsDigests reports whether a list names all digests of the repository, with upload times.
func (s *scenario) listsDigests() bool { return s.Listing != cases.ListingOCI }

// subjectThere reports whether a manifest has a subject that the registry has.
func (s *scenario) subjectThere(m *manifest) bool {
	return m.Subject != "" && s.manifests[m.Subject].there
}

// know finds out what the decision knows of: what any tag points to, what a list names, what is in
// use by its digest, and what these list; and what refers to anything that may go, if the registry
// can say so. Of what a list names, only what could be an index, may be an orphan or may go is read.
func (s *scenario) know() {
	s.known, s.subjectKnown = map[string]bool{}, map[string]bool{}
	for _, id := range s.where(func(m *manifest) bool {
		return m.hasTags() || s.listsDigests() || slices.Contains(s.Faults.DigestEntries, m.ID) || s.isReadAsInUse(m)
	}) {
		s.learn(id)
	}
	for changed := true; changed; {
		before := len(s.known) + len(s.subjectKnown)
		for _, id := range s.where(s.isRead) {
			s.subjectKnown[id] = true
		}
		nodes := s.nodes()
		for i, mayGo := range nodes.Goes(slow.Tagged, slow.Used, slow.Listed) {
			if !mayGo {
				continue
			}
			s.subjectKnown[s.ids[i]] = true
			for _, id := range s.where(func(m *manifest) bool { return m.there && m.Subject == s.ids[i] }) {
				if s.Referrers == cases.ReferrersAPI {
					s.learn(id)
					s.subjectKnown[id] = true
				}
			}
		}
		changed = len(s.known)+len(s.subjectKnown) > before
	}
}

// isRead reports whether the content of a manifest is read even if it cannot go.
func (s *scenario) isRead(m *manifest) bool {
	mayBeIndex := m.Kind == cases.KindIndex || m.Kind == cases.KindFallback || slices.Contains(s.Faults.DigestEntries, m.ID)
	mayBeOrphan := slices.ContainsFunc(s.policy.Remove, func(r Rule) bool { return r.Orphans && s.isDueBy(r, m) })
	return s.known[m.ID] && (m.hasTags() || mayBeIndex || s.isReadAsInUse(m) || mayBeOrphan)
}

// learn adds a manifest and what it lists to what is known.
func (s *scenario) learn(id string) {
	if s.known[id] || !s.manifests[id].there {
		return
	}
	s.known[id] = true
	for _, child := range s.manifests[id].lists {
		s.learn(child)
	}
}

// nodes returns what is known as the computation of what goes sees it, by the places in s.ids.
func (s *scenario) nodes() slow.Nodes {
	nodes := make(slow.Nodes, len(s.ids))
	for i, id := range s.ids {
		m := s.manifests[id]
		nodes[i] = slow.Node{Subject: slow.NoSubject, Missing: !s.known[id] && !s.isKnownToExist(id)}
		if !s.known[id] {
			continue
		}
		nodes[i].Selected, nodes[i].InUse = s.isSelected(m), s.isInUse(m)
		for range m.ordinary {
			nodes[i].Tags = append(nodes[i].Tags, slow.Tag{Kind: slow.Ordinary})
		}
		for _, tag := range m.companions {
			nodes[i].Tags = append(nodes[i].Tags, s.companionTag(tag))
		}
		for _, tag := range m.trash {
			nodes[i].Tags = append(nodes[i].Tags, slow.Tag{Kind: kindOf(s.trashIsDue(tag))})
		}
		for _, child := range m.lists {
			nodes[i].Lists = append(nodes[i].Lists, s.place(child))
		}
		if m.Subject != "" && s.subjectKnown[id] {
			nodes[i].Subject = s.place(m.Subject)
		}
	}
	return nodes
}

// isKnownToExist reports whether a manifest is there and something known refers to it. Of such a
// manifest no more is known: a look whether it is there does not read it.
func (s *scenario) isKnownToExist(id string) bool {
	return s.manifests[id].there && len(s.where(func(m *manifest) bool { return s.subjectKnown[m.ID] && m.Subject == id })) > 0
}

func (s *scenario) place(id string) int { return slices.Index(s.ids, id) }

// companionTag returns a companion tag as a node has it. If it belongs to what is there but not
// known, it stays.
func (s *scenario) companionTag(tag string) slow.Tag {
	if s.isOrphan(tag) {
		return slow.Tag{Kind: kindOf(s.orphansRule() != nil)}
	}
	t := slow.Tag{Kind: slow.Companion}
	for _, owner := range s.owners(tag) {
		if !s.known[owner] {
			return slow.Tag{Kind: slow.Fixed}
		}
		t.Of = append(t.Of, s.place(owner))
	}
	return t
}

func kindOf(taken bool) slow.TagKind {
	if taken {
		return slow.Taken
	}
	return slow.Fixed
}

// trashIsDue reports whether a rule takes a trash tag off: the end of its day is older than the rule
// says.
func (s *scenario) trashIsDue(tag string) bool {
	day, err := time.Parse("20060102", trashForm.FindStringSubmatch(tag)[1])
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.policy.Remove, func(r Rule) bool {
		return r.Trash && day.AddDate(0, 0, 1).Before(s.ago(r.OlderThan))
	})
}

func (s *scenario) orphansRule() *Rule {
	for i, r := range s.policy.Remove {
		if r.Orphans {
			return &s.policy.Remove[i]
		}
	}
	return nil
}

// ago returns the instant that is a span before now.
func (s *scenario) ago(span string) time.Time {
	t, err := before(s.Now, span)
	if err != nil {
		panic(err)
	}
	return t
}
