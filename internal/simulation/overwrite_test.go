package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// prune removes m and all manifests below it, except those that a tag holds.
func (s *store) prune(repo string, m *manifest) {
	r := s.repositories[repo]
	held, below := map[string]bool{}, map[string]bool{}
	for _, digest := range r.tags {
		r.visit(digest, held)
	}
	r.visit(m.digest, below)
	for _, digest := range slices.Sorted(maps.Keys(below)) {
		if !held[digest] {
			s.remove(repo, digest)
		}
	}
}

// visit adds a manifest and all manifests below it to visited.
func (r *repository) visit(digest string, visited map[string]bool) {
	m := r.manifests[digest]
	if m == nil || visited[digest] {
		return
	}
	visited[digest] = true
	for _, child := range m.children {
		r.visit(child, visited)
	}
}

// isTemporary reports whether a tag is one that holds a manifest during an overwrite.
func isTemporary(reference string) bool { return strings.HasPrefix(reference, "regret-keep-") }

// permitsOverwrite reports whether UntagByOverwrite may send a request. It may write the tag, its
// temporary tag and what is below the original, and delete only what nobody else has pushed.
func (m *model) permitsOverwrite(op *operation, e *event) bool {
	if e.route.repository != op.repository || e.route.kind != manifests && e.route.kind != tagsList {
		return false
	}
	reference := e.route.reference
	switch e.method {
	case http.MethodPut:
		return reference == op.reference || reference == "v2" || isTemporary(reference) ||
			slices.Contains(op.expected, reference) || slices.Contains(op.entries, reference) // the original may have been pushed just before
	case http.MethodDelete:
		return isTemporary(reference) || strings.HasPrefix(reference, "sha256:") && !slices.Contains(op.expected, reference) && !slices.Contains(op.entries, reference)
	}
	return !e.write()
}

// serveOverwrite stores a manifest that UntagByOverwrite pushes. It refuses an index whose children
// are missing.
func (m *model) serveOverwrite(e *event, req *http.Request, raw []byte) *response {
	pushed := m.store.everStored[digestOf(raw)]
	if pushed == nil { // the placeholder
		pushed = &manifest{mediaType: typeIndex, digest: digestOf(raw), raw: raw}
	}
	for _, child := range pushed.children {
		if m.store.repositories[e.route.repository].manifests[child] == nil {
			return m.errorResponse(req, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
		}
	}
	tag := e.route.reference
	if strings.Contains(tag, ":") {
		tag = ""
	}
	m.store.put(e.route.repository, tag, pushed)
	a := reply(http.StatusCreated, "", nil)
	a.header.Set("Docker-Content-Digest", pushed.digest)
	return a
}

// An overwriteRun is one call of UntagByOverwrite on the tag v1, while other clients push.
type overwriteRun struct {
	model  *model
	op     *operation
	all    []string // digests of the original and of everything below it
	top    string
	second bool // v2 points to the original, too
	moved  bool // another client has pushed v2
	lost   bool // a push of another client removed some of all
}

func newOverwriteRun(seed int64) *overwriteRun {
	rng := rand.New(rand.NewPCG(uint64(seed), 0x0e))
	p := profile{
		chunkSize: 4096, retries: pick(rng, []int{0, 3}), faults: pick(rng, []int{0, 0, 5, 20}),
		noTagDelete: rng.IntN(3) == 0, headStatus: pick(rng, []int{0, 0, 0, 405}),
	}
	m := newModel(rng, p)
	m.store.prunes = rng.IntN(2) == 0
	m.store.create(testRepository)
	put := func(tag string, x *manifest) *manifest {
		m.store.put(testRepository, tag, x)
		return x
	}
	a, b := put("", m.store.newImage("")), put("", m.store.newImage(""))
	top := pick(rng, []*manifest{a, put("", m.store.newIndex(a, b))})
	if rng.IntN(2) == 0 {
		top = put("", m.store.newIndex(top, put("", m.store.newImage(""))))
	}
	put("v1", top)
	put("other", m.store.newImage(""))
	o := &overwriteRun{model: m, top: top.digest, second: rng.IntN(3) == 0}
	if o.second {
		put("v2", top)
	}
	below := map[string]bool{}
	m.store.repositories[testRepository].visit(top.digest, below)
	o.all = slices.Sorted(maps.Keys(below))
	o.op = &operation{kind: overwriteTag, repository: testRepository, reference: "v1", expected: o.all}
	pushes := pick(rng, []int{0, 0, 5, 20})
	m.onStage = func(e *event, at stage) {
		if at == sending && e.op == o.op {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.chance(pushes) {
				o.push(e)
			}
		}
	}
	return o
}

// push lets another client push a tag. What it pushed is in op.entries, which no call may delete.
func (o *overwriteRun) push(e *event) {
	s := o.model.store
	tag, before := pick(s.rng, []string{"v1", "v1", "v2", "other", "fresh"}), o.missing()
	m := s.newImage("")
	o.op.entries = append(o.op.entries, m.digest)
	o.moved = o.moved || tag == "v2"
	s.put(testRepository, tag, m)
	o.op.addNote(e, "another client pushes "+tag)
	o.lost = o.lost || o.missing() > before
}

// missing counts the manifests that are gone.
func (o *overwriteRun) missing() (n int) {
	for _, digest := range o.all {
		if o.model.store.repositories[testRepository].manifests[digest] == nil {
			n++
		}
	}
	return n
}

// run performs the call and judges its outcome.
func (o *overwriteRun) run() {
	m, op := o.model, o.op
	c, err := m.client()
	if err != nil {
		m.problem("%v", err)
		return
	}
	ctx := context.Background()
	if o.second && m.rng.IntN(2) == 0 { // the client knows of v2
		known := &operation{kind: resolve, repository: testRepository, reference: "v2"}
		known.perform(context.WithValue(ctx, operationKey{}, known), c)
	}
	ctx, op.cancel = context.WithCancel(context.WithValue(ctx, operationKey{}, op))
	defer op.cancel()
	if m.rng.IntN(4) == 0 {
		defer time.AfterFunc(time.Duration(m.rng.Int64N(int64(2*time.Second))), op.cancel).Stop()
	}
	op.perform(ctx, c)
	m.mu.Lock()
	defer m.mu.Unlock()
	o.judge()
}

func (o *overwriteRun) judge() {
	m, op := o.model, o.op
	fail := func(format string, args ...any) {
		m.problem("%s (error: %v) %q", fmt.Sprintf(format, args...), op.err, op.notes)
	}
	if op.crash != "" {
		fail("panic: %s", op.crash)
		return
	}
	r := m.store.repositories[testRepository]
	held := slices.ContainsFunc(op.events, func(e *event) bool {
		return e.method == http.MethodPut && isTemporary(e.route.reference) && e.changed
	})
	if missing := o.missing(); missing > 0 && !o.lost && (op.err == nil || held) {
		fail("%d manifests of the original are gone; a temporary tag held it: %t", missing, held)
	}
	if now := r.tags["v1"]; op.err == nil && now != "" && !slices.Contains(op.entries, now) {
		fail("success, but the tag points to %s", now)
	}
	if now := r.tags["v2"]; o.second && !o.moved && !o.lost && now != o.top && (op.err == nil || held) {
		fail("v2 points to %q", now)
	}
	for _, tag := range r.tagNames() {
		if isTemporary(tag) && (op.err == nil || !strings.Contains(op.err.Error(), tag)) {
			fail("%s is left, but the error does not name it", tag)
		}
	}
	for _, digest := range r.digests() {
		var doc struct{ Annotations map[string]string }
		if err := json.Unmarshal(r.manifests[digest].raw, &doc); err != nil {
			fail("%v", err)
		}
		if strings.Contains(doc.Annotations["org.opencontainers.image.description"], "placeholder") && op.err == nil {
			fail("success, but the placeholder is left")
		}
	}
}

// Whatever other clients push and whatever goes wrong, the children of an index and the index itself
// survive the removal of one of its tags, at registries that remove what an overwritten tag pointed
// to and at others, with and without the deletion of tags.
func TestServerS1OverwriteSimulation(t *testing.T) {
	t.Parallel()
	failed, succeeded := 0, 0
	for seed := range int64(2000 / sampleEvery) {
		var o *overwriteRun
		if crash := runInBubble(t, func() { o = newOverwriteRun(seed); o.run() }); crash != "" {
			t.Errorf("seed %d: %s", seed, crash)
			continue
		}
		if o.op.err == nil {
			succeeded++
		}
		if len(o.model.problems) > 0 && failed < 10 {
			failed++
			var requests []string
			for _, e := range o.op.events {
				requests = append(requests, fmt.Sprintf("%s %.30s %d %s changed=%v", e.method, e.route.reference, e.status, e.fault.kind, e.changed))
			}
			t.Errorf("seed %d, prunes: %t, no deletion of tags: %t:\n\t%s\n\t%s", seed, o.model.store.prunes, o.model.profile.noTagDelete,
				strings.Join(o.model.problems, "\n\t"), strings.Join(requests, "\n\t"))
		}
	}
	t.Logf("%d calls succeeded", succeeded)
}
