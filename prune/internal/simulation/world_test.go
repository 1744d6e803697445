package simulation

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

// A world is a registry with one repository, and everything that was ever in it.
type world struct {
	seed       int64
	registry   *fakeregistry.Registry
	repository string

	// mu is held while the registry serves a request and while other clients act, so that each
	// change has one cause.
	mu       sync.Mutex
	began    time.Time
	contents map[regret.Digest]*content
	fresh    int            // manifests that were made up for other clients
	sent     map[string]int // how often a request was sent; see dice
	changes  []change
	trace    []string
	problems []string
	counts   counts
}

// A content is a manifest as the test knows it.
type content struct {
	name      string // for people
	mediaType string
	raw       []byte
	lists     []regret.Digest
	blobs     []regret.Digest
	subject   regret.Digest
}

// counts say how much a seed has tried.
type counts struct {
	requests, writes, faults, pushes, collections, windows int
	runs, kills, steps, restores, plans, refusedPlans      int
}

func newWorld(seed int64, c *cases.Case, registry *fakeregistry.Registry, pinned bool) *world {
	w := &world{seed: seed, registry: registry, repository: c.Repository, began: time.Now(), contents: make(map[regret.Digest]*content), sent: make(map[string]int)}
	for i := range c.Manifests {
		w.fill(c, &c.Manifests[i], pinned)
	}
	return w
}

// fill stores a manifest of a scenario with its blobs and tags.
func (w *world) fill(c *cases.Case, m *cases.Manifest, pinned bool) {
	stored := c.Content(m.ID)
	desc := stored.Manifest.Descriptor
	w.learn(m.ID, desc.MediaType, stored.Manifest.Raw)
	gone := slices.Contains(c.Faults.Gone, m.ID) || slices.Contains(c.Faults.Vanished, m.ID)
	if !m.Missing && !gone {
		if stored.Config != nil {
			w.registry.PutBlob(w.repository, stored.Config.Data)
		}
		for _, layer := range stored.Layers {
			w.registry.PutBlob(w.repository, layer.Data)
		}
		if pinned || len(m.Tags) == 0 {
			w.registry.PutManifest(w.repository, "", desc.MediaType, stored.Manifest.Raw)
		} else {
			w.registry.PutManifest(w.repository, m.Tags[0], desc.MediaType, stored.Manifest.Raw)
		}
		w.registry.SetTimes(w.repository, desc.Digest, time.Time{}, m.Uploaded)
	}
	for _, tag := range m.Tags {
		if !m.Missing && !slices.Contains(c.Faults.Vanished, m.ID) {
			w.registry.SetTag(w.repository, tag, desc.Digest)
		}
	}
}

// learn remembers a manifest under a name.
func (w *world) learn(name, mediaType string, raw []byte) regret.Digest {
	dgst := digestOf(raw)
	if w.contents[dgst] != nil {
		return dgst
	}
	var document struct {
		Config    *ocispec.Descriptor
		Layers    []ocispec.Descriptor
		Manifests []ocispec.Descriptor
		Subject   *ocispec.Descriptor
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		panic(err)
	}
	c := &content{name: name, mediaType: mediaType, raw: raw}
	for _, child := range document.Manifests {
		c.lists = append(c.lists, child.Digest)
	}
	for _, layer := range document.Layers {
		c.blobs = append(c.blobs, layer.Digest)
	}
	if document.Config != nil {
		c.blobs = append(c.blobs, document.Config.Digest)
	}
	if document.Subject != nil {
		c.subject = document.Subject.Digest
	}
	w.contents[dgst] = c
	return dgst
}

// nameOf returns the name of a manifest.
func (w *world) nameOf(dgst regret.Digest) string {
	if c := w.contents[dgst]; c != nil {
		return c.name
	}
	return "unknown"
}

// namesOf returns the sorted names of manifests.
func (w *world) namesOf(dgsts []regret.Digest) []string {
	var names []string
	for _, dgst := range dgsts {
		names = append(names, w.nameOf(dgst))
	}
	slices.Sort(names)
	return names
}

// readable replaces what is random in a reference, or too long to read: digests by names, and
// temporary tags.
func (w *world) readable(reference string) string {
	switch {
	case strings.Contains(reference, ":"):
		return w.nameOf(regret.Digest(reference))
	case strings.HasPrefix(reference, "regret-keep-"):
		return "regret-keep-…"
	case !strings.HasPrefix(reference, "sha256-"):
		return reference
	}
	for dgst, c := range w.contents {
		if rest, ok := strings.CutPrefix(reference, "sha256-"+dgst.Encoded()); ok {
			return "sha256-{" + c.name + "}" + rest
		}
	}
	return reference
}

// learnPushed remembers a manifest that a client pushes, if it is one.
func (w *world) learnPushed(mediaType string, raw []byte) {
	if len(raw) == 0 || !json.Valid(raw) || w.contents[digestOf(raw)] != nil {
		return
	}
	w.fresh++
	name := fmt.Sprint("joined", w.fresh)
	if trash.IsPlaceholder(raw) {
		name = fmt.Sprint("placeholder", w.fresh)
	}
	w.learn(name, mediaType, raw)
}

// A state is what the repository holds.
type state struct {
	tags      map[string]regret.Digest
	manifests map[regret.Digest]bool
}

func (w *world) state() state {
	s := state{tags: w.registry.Tags(w.repository), manifests: make(map[regret.Digest]bool)}
	for dgst := range w.contents {
		if w.registry.HasManifest(w.repository, dgst) {
			s.manifests[dgst] = true
		}
	}
	return s
}

// lines describes a state, one manifest or tag a line.
func (w *world) lines(s state) []string {
	var lines []string
	for dgst := range s.manifests {
		lines = append(lines, w.nameOf(dgst))
	}
	for tag, dgst := range s.tags {
		lines = append(lines, fmt.Sprintf("%s -> %s", w.readable(tag), w.nameOf(dgst)))
	}
	slices.Sort(lines)
	return lines
}

// An actor is the cause of a change.
type actor string

const (
	ours      actor = "client"
	others    actor = "other client"
	collector actor = "collector"
)

// A change is something that came or went.
type change struct {
	by       actor
	manifest regret.Digest // empty for a tag
	tag      string
	digest   regret.Digest // that the tag points to by now; empty if it is gone
	gone     bool          // the manifest
	run      int           // by a client under test: in which run
	request  string        // the same: the reference in the request
}

// note records what an action has changed. It returns the manifests and tags that are gone.
func (w *world) note(c change, before, after state) (manifests []regret.Digest, tags []string) {
	add := func(more change) {
		more.by, more.run, more.request = c.by, c.run, c.request
		w.changes = append(w.changes, more)
	}
	for dgst := range before.manifests {
		if !after.manifests[dgst] {
			manifests = append(manifests, dgst)
		}
	}
	for tag := range before.tags {
		if _, here := after.tags[tag]; !here {
			tags = append(tags, tag)
			add(change{tag: tag})
		}
	}
	slices.Sort(manifests)
	slices.Sort(tags)
	for _, dgst := range manifests {
		add(change{manifest: dgst, gone: true})
	}
	for dgst := range after.manifests {
		if !before.manifests[dgst] {
			add(change{manifest: dgst})
		}
	}
	for tag, dgst := range after.tags {
		if before.tags[tag] != dgst {
			add(change{tag: tag, digest: dgst})
		}
	}
	return manifests, tags
}

// problem records that a property does not hold.
func (w *world) problem(format string, args ...any) {
	text := w.withNames(fmt.Sprintf(format, args...))
	w.problems = append(w.problems, text)
	w.say("PROBLEM: %s", text)
}

// say adds a line to the trace.
func (w *world) say(format string, args ...any) {
	text := w.withNames(fmt.Sprintf(format, args...))
	w.trace = append(w.trace, fmt.Sprintf("%10v %s", time.Since(w.began).Round(time.Microsecond), text))
}

var (
	longDigest   = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	temporaryTag = regexp.MustCompile(`regret-keep-\w+`)
)

// withNames replaces in a text what is random, or too long to read.
func (w *world) withNames(text string) string {
	text = longDigest.ReplaceAllStringFunc(text, func(dgst string) string { return "<" + w.nameOf(regret.Digest(dgst)) + ">" })
	return temporaryTag.ReplaceAllString(text, "regret-keep-…")
}

// dice returns random numbers for something that happens. They depend on the seed and on what
// happens, but not on the order in which goroutines are scheduled.
func (w *world) dice(what ...any) *rand.Rand {
	hash := fnv.New64a()
	fmt.Fprint(hash, what...)
	return rand.New(rand.NewPCG(uint64(w.seed), hash.Sum64()))
}

// sortedTags returns the names of tags.
func sortedTags(tags map[string]regret.Digest) []string { return slices.Sorted(maps.Keys(tags)) }
