package simulation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

type opKind string

const (
	opPing      opKind = "Ping"
	resolve     opKind = "Resolve"
	digestOnly  opKind = "ResolveDigest"
	getManifest opKind = "Manifest"
	deletion    opKind = "DeleteManifest"
	untag       opKind = "Untag"
	checkDelete opKind = "CheckDelete"
	putManifest opKind = "PutManifest"
	listTags    opKind = "Tags"
	listRepos   opKind = "Repositories"
	listRefs    opKind = "Referrers"
)

// An operation is one call of the client and everything that happened to it.
type operation struct {
	id, worker            int
	kind                  opKind
	repository, reference string
	manifest              *manifest // to put
	artifactTypes         []string
	stopAfter             int  // entries of a list, then the caller has seen enough; 0 for all
	unprovable            bool // what it read was changed in a way that nobody can see
	invalid               bool // a name that must not be sent
	ends                  time.Duration
	deadline              bool // ends by deadline rather than by cancellation
	cancel                context.CancelFunc

	began, ended time.Time
	stopped      time.Time // when its context ended; zero if it did not
	from, to     int       // moments of the store
	expected     []string
	events       []*event
	facts        fact
	circling     bool // the pages of this list lead in a circle
	notes        []string

	err       error
	digest    string
	raw       []byte
	mediaType string
	entries   []string
	crash     string
}

func (op *operation) String() string {
	s := fmt.Sprintf("#%d/%d %s %s %s", op.id, op.worker, op.kind, op.repository, op.reference)
	if op.ends > 0 {
		s += fmt.Sprintf(" ends after %v", op.ends)
	}
	return strings.TrimSpace(s)
}

func (op *operation) note(e *event, text string) {
	op.notes = append(op.notes, fmt.Sprintf("%d: %s", e.n, text))
}

type operationKey struct{}

func operationOf(ctx context.Context) *operation {
	op, _ := ctx.Value(operationKey{}).(*operation)
	return op
}

// perform calls the client. It is the only place that knows its API.
func (op *operation) perform(ctx context.Context, c *regret.Client) {
	defer func() {
		if r := recover(); r != nil {
			op.crash = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
	}()
	switch op.kind {
	case opPing:
		op.err = c.Ping(ctx)
	case resolve:
		var d regret.Descriptor
		d, op.err = c.Resolve(ctx, op.repository, op.reference)
		op.digest, op.mediaType = string(d.Digest), d.MediaType
	case digestOnly:
		var d regret.Digest
		d, op.err = c.ResolveDigest(ctx, op.repository, op.reference)
		op.digest = string(d)
	case getManifest:
		var m *regret.Manifest
		if m, op.err = c.Manifest(ctx, op.repository, op.reference); m != nil {
			op.digest, op.mediaType, op.raw = string(m.Descriptor.Digest), m.Descriptor.MediaType, m.Raw
		}
	case deletion:
		op.err = c.DeleteManifest(ctx, op.repository, regret.Digest(op.reference))
	case untag:
		op.err = c.Untag(ctx, op.repository, op.reference)
	case checkDelete:
		op.err = c.CheckDelete(ctx, op.repository)
	case putManifest:
		m := &regret.Manifest{Raw: op.manifest.raw}
		m.Descriptor.MediaType, m.Descriptor.Digest = op.manifest.mediaType, regret.Digest(op.manifest.digest)
		op.err = c.PutManifest(ctx, op.repository, op.reference, m)
	case listTags:
		collect(op, c.Tags(ctx, op.repository), func(s string) string { return s })
	case listRepos:
		collect(op, c.Repositories(ctx), func(s string) string { return s })
	case listRefs:
		refs := c.Referrers(ctx, op.repository, regret.Digest(op.reference), op.artifactTypes...)
		collect(op, refs, func(d regret.Descriptor) string { return string(d.Digest) })
	}
}

// collect ranges over a list and sees to it that an error is the last thing
// that it yields.
func collect[T any](op *operation, list iter.Seq2[T, error], text func(T) string) {
	for entry, err := range list {
		if op.err != nil {
			op.err = errors.Join(op.err, errors.New("the list goes on after an error"))
			return
		}
		if op.err = err; err != nil {
			continue
		}
		op.entries = append(op.entries, text(entry))
		if len(op.entries) == op.stopAfter {
			return
		}
	}
}

// stop ends the operation's context.
func (op *operation) stop() {
	if now := time.Now(); op.stopped.IsZero() || now.Before(op.stopped) {
		op.stopped = now
	}
	op.cancel()
}

// over says that the operation may have returned because its context ended.
func (op *operation) over() bool { return !op.stopped.IsZero() && !op.ended.Before(op.stopped) }

// list says whether the operation is one.
func (op *operation) list() bool {
	return op.kind == listTags || op.kind == listRepos || op.kind == listRefs
}

// mayHave says whether a request to the registry is part of what the operation
// was asked to do: no other object, no other kind of write.
func (m *model) mayHave(op *operation, e *event) bool {
	own := e.route.kind == manifests && e.route.repository == op.repository && e.route.reference == op.reference
	if e.write() {
		switch e.method + " " + string(op.kind) {
		case "DELETE DeleteManifest":
			return own && strings.Contains(op.reference, ":")
		case "DELETE Untag":
			return own && !strings.Contains(op.reference, ":")
		case "DELETE CheckDelete":
			return e.route.kind == manifests && e.route.repository == op.repository &&
				strings.HasPrefix(e.route.reference, "sha256:") && m.store.known[e.route.reference] == nil
		case "PUT PutManifest":
			return own
		}
		return false
	}
	switch op.kind {
	case opPing:
		return e.route.kind == ping
	case listTags:
		return e.route.kind == tagsList && e.route.repository == op.repository
	case listRepos:
		return e.route.kind == catalog
	case listRefs:
		return e.route.repository == op.repository &&
			(e.route.kind == referrers && e.route.reference == op.reference ||
				e.route.kind == manifests && e.route.reference == fallbackTag(op.reference))
	case resolve, digestOnly, getManifest, deletion, untag:
		return own
	}
	return false
}

func fallbackTag(subject string) string { return strings.Replace(subject, ":", "-", 1) }

var kinds = []opKind{
	opPing, resolve, resolve, resolve, digestOnly, digestOnly, getManifest, getManifest,
	deletion, deletion, deletion, untag, untag, untag, untag, checkDelete,
	putManifest, putManifest, listTags, listTags, listRepos, listRefs,
}

// drawOperation decides what a worker does next, from what it may know.
func (m *model) drawOperation(rng *rand.Rand, worker, id int) *operation {
	m.mu.Lock()
	defer m.mu.Unlock()
	op := &operation{id: id, worker: worker, kind: draw(rng, kinds)}
	op.repository = draw(rng, m.store.names())
	r := m.store.repositories[op.repository]
	tag, digest := draw(rng, r.tagged()), draw(rng, r.digests())
	if rng.IntN(8) == 0 { // something that was there once, or never
		tag = draw(rng, []string{"v0.0", "v1.0", "nobodys", "new0"})
		digest = draw(rng, append(m.everKnown(), digestOf([]byte("nobody's"))))
	}
	op.reference = draw(rng, []string{tag, tag, digest})
	switch op.kind {
	case deletion, listRefs:
		op.reference = digest
	case untag:
		op.reference = tag
	case putManifest:
		op.manifest = m.store.known[draw(rng, m.everKnown())]
		if rng.IntN(2) == 0 {
			op.manifest = m.store.image("")
		}
		op.reference = draw(rng, []string{tag, "mine", op.manifest.digest})
	case opPing, checkDelete, listTags, listRepos:
		op.reference = ""
	}
	if op.kind == listRefs && rng.IntN(2) == 0 {
		op.artifactTypes = []string{"application/signature", "application/sbom"}[:1+rng.IntN(2)]
	}
	if op.list() && rng.IntN(8) == 0 {
		op.stopAfter = 1 + rng.IntN(3)
	}
	if rng.IntN(30) == 0 {
		op.spoil(rng)
	}
	if op.reference == "" && op.kind != opPing && op.kind != checkDelete && op.kind != listTags && op.kind != listRepos {
		op.invalid = true // a repository that has nothing to name
	}
	switch rng.IntN(5) {
	case 0:
		op.ends = time.Duration(rng.Int64N(int64(draw(rng, []time.Duration{100 * time.Millisecond, 2 * time.Second, time.Minute}))))
		op.ends++ // never 0, which is no end
		op.deadline = rng.IntN(2) == 0
	}
	return op
}

// spoil makes a name of the operation one that no registry could have.
func (op *operation) spoil(rng *rand.Rand) {
	bad := []string{"", "../x", "a//b", "A/b", "a b", "a?x=y", "a#b", "%2e%2e", "a/../b", "é", strings.Repeat("a", 300), "a:b", "-a"}
	switch {
	case op.kind == opPing || op.kind == listRepos:
		return
	case rng.IntN(2) == 0 || op.kind == checkDelete || op.kind == listTags:
		op.repository = draw(rng, bad)
	case op.kind == deletion || op.kind == listRefs:
		op.reference = draw(rng, []string{"", "latest", "sha256:zz", "sha256:" + strings.Repeat("A", 64), "md5:" + strings.Repeat("a", 32), "sha256:../.."})
	default:
		op.reference = draw(rng, []string{"", "a/b", ".a", "a b", "a?b", strings.Repeat("a", 129), "sha256:zz", "../../x", "a\nb"})
	}
	op.invalid = true
}

func (m *model) everKnown() []string {
	all := make([]string, 0, len(m.store.known))
	for digest := range m.store.known {
		all = append(all, digest)
	}
	slices.Sort(all)
	return all
}
