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
	opPing         opKind = "Ping"
	resolve        opKind = "Resolve"
	resolveDigest  opKind = "ResolveDigest"
	getManifest    opKind = "Manifest"
	deleteManifest opKind = "DeleteManifest"
	untag          opKind = "Untag"
	checkDelete    opKind = "CheckDelete"
	putManifest    opKind = "PutManifest"
	overwriteTag   opKind = "UntagByOverwrite" // only in TestServerS1OverwriteSimulation
	listTags       opKind = "Tags"
	listRepos      opKind = "Repositories"
	listRefs       opKind = "Referrers"
)

// An operation is one call of a client method, with its arguments, its requests and its results.
type operation struct {
	id, worker            int
	kind                  opKind
	repository, reference string
	manifest              *manifest // for PutManifest
	artifactTypes         []string
	stopAfter             int  // number of list entries after which the caller stops; 0 to read all
	undetectable          bool // a fault corrupted a response in a way that no client can detect
	invalid               bool // an argument is invalid and must not be sent
	endsAfter             time.Duration
	deadline              bool // the context ends by deadline, not by cancellation
	cancel                context.CancelFunc

	began, ended           time.Time
	contextEndedAt         time.Time // when the context ended or will end; zero if it does not
	fromVersion, toVersion int       // versions of the store when it began and ended
	expected               []string
	events                 []*event
	facts                  fact
	cyclic                 bool // a Link led back to the first page
	notes                  []string

	err       error
	digest    string
	raw       []byte
	mediaType string
	entries   []string
	crash     string
}

func (op *operation) String() string {
	s := fmt.Sprintf("#%d/%d %s %s %s", op.id, op.worker, op.kind, op.repository, op.reference)
	if op.endsAfter > 0 {
		s += fmt.Sprintf(" ends after %v", op.endsAfter)
	}
	return strings.TrimSpace(s)
}

func (op *operation) addNote(e *event, text string) {
	op.notes = append(op.notes, fmt.Sprintf("%d: %s", e.n, text))
}

type operationKey struct{}

func operationOf(ctx context.Context) *operation {
	op, _ := ctx.Value(operationKey{}).(*operation)
	return op
}

// perform calls the client. No other function calls the client's operations.
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
	case resolveDigest:
		var d regret.Digest
		d, op.err = c.ResolveDigest(ctx, op.repository, op.reference)
		op.digest = string(d)
	case getManifest:
		var m *regret.Manifest
		if m, op.err = c.Manifest(ctx, op.repository, op.reference); m != nil {
			op.digest, op.mediaType, op.raw = string(m.Descriptor.Digest), m.Descriptor.MediaType, m.Raw
		}
	case deleteManifest:
		op.err = c.DeleteManifest(ctx, op.repository, regret.Digest(op.reference))
	case untag:
		op.err = c.Untag(ctx, op.repository, op.reference)
	case overwriteTag:
		op.err = c.UntagByOverwrite(ctx, op.repository, op.reference)
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

// collect ranges over a list and checks that nothing follows an error.
func collect[T any](op *operation, list iter.Seq2[T, error], text func(T) string) {
	for entry, err := range list {
		if op.err != nil {
			op.err = errors.Join(op.err, errors.New("the list continues after an error"))
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

// endContext cancels the operation's context.
func (op *operation) endContext() {
	if now := time.Now(); op.contextEndedAt.IsZero() || now.Before(op.contextEndedAt) {
		op.contextEndedAt = now
	}
	op.cancel()
}

// contextEnded reports whether the context ended before the operation returned.
func (op *operation) contextEnded() bool {
	return !op.contextEndedAt.IsZero() && !op.ended.Before(op.contextEndedAt)
}

// isList reports whether the operation reads a list.
func (op *operation) isList() bool {
	return op.kind == listTags || op.kind == listRepos || op.kind == listRefs
}

// permits reports whether op may send the request e to the registry. An operation may only touch
// the object that it names, and only with its own kind of write.
func (m *model) permits(op *operation, e *event) bool {
	if op.kind == overwriteTag {
		return m.permitsOverwrite(op, e)
	}
	ownManifest := e.route.kind == manifests && e.route.repository == op.repository && e.route.reference == op.reference
	if e.write() {
		switch e.method + " " + string(op.kind) {
		case "DELETE DeleteManifest":
			return ownManifest && strings.Contains(op.reference, ":")
		case "DELETE Untag":
			return ownManifest && !strings.Contains(op.reference, ":")
		case "DELETE CheckDelete":
			return e.route.kind == manifests && e.route.repository == op.repository &&
				strings.HasPrefix(e.route.reference, "sha256:") && m.store.everStored[e.route.reference] == nil
		case "PUT PutManifest":
			return ownManifest
		}
		return false
	}
	switch op.kind {
	case opPing:
		return e.route.kind == ping
	case listTags:
		return e.route.kind == tagsList && e.route.repository == op.repository
	case listRepos:
		return e.route.kind == catalog || e.route.kind == ping // which credentials it wants
	case listRefs:
		return e.route.repository == op.repository &&
			(e.route.kind == referrers && e.route.reference == op.reference ||
				e.route.kind == manifests && e.route.reference == fallbackTag(op.reference))
	case resolve, resolveDigest, getManifest, deleteManifest, untag:
		return ownManifest
	}
	return false
}

func fallbackTag(subject string) string { return strings.Replace(subject, ":", "-", 1) }

var weightedKinds = []opKind{
	opPing, resolve, resolve, resolve, resolveDigest, resolveDigest, getManifest, getManifest,
	deleteManifest, deleteManifest, deleteManifest, untag, untag, untag, untag, checkDelete,
	putManifest, putManifest, listTags, listTags, listRepos, listRefs,
}

// drawOperation returns a random operation for a worker.
func (m *model) drawOperation(rng *rand.Rand, worker, id int) *operation {
	m.mu.Lock()
	defer m.mu.Unlock()
	op := &operation{id: id, worker: worker, kind: pick(rng, weightedKinds)}
	op.repository = pick(rng, m.store.repositoryNames())
	r := m.store.repositories[op.repository]
	tag, digest := pick(rng, r.tagNames()), pick(rng, r.digests())
	if rng.IntN(8) == 0 { // a name that no longer exists or never did
		tag = pick(rng, []string{"v0.0", "v1.0", "no-such", "new0"})
		digest = pick(rng, append(m.everStoredDigests(), digestOf([]byte("never pushed"))))
	}
	op.reference = pick(rng, []string{tag, tag, digest})
	switch op.kind {
	case deleteManifest, listRefs:
		op.reference = digest
	case untag:
		op.reference = tag
	case putManifest:
		op.manifest = m.store.everStored[pick(rng, m.everStoredDigests())]
		if rng.IntN(2) == 0 {
			op.manifest = m.store.newImage("")
		}
		op.reference = pick(rng, []string{tag, "mine", op.manifest.digest})
	case opPing, checkDelete, listTags, listRepos:
		op.reference = ""
	}
	if op.kind == listRefs && rng.IntN(2) == 0 {
		op.artifactTypes = []string{"application/signature", "application/sbom"}[:1+rng.IntN(2)]
	}
	if op.isList() && rng.IntN(8) == 0 {
		op.stopAfter = 1 + rng.IntN(3)
	}
	if rng.IntN(30) == 0 {
		op.makeInvalid(rng)
	}
	if op.reference == "" && op.kind != opPing && op.kind != checkDelete && op.kind != listTags && op.kind != listRepos {
		op.invalid = true // the repository has no tag or digest to pick
	}
	switch rng.IntN(5) {
	case 0:
		op.endsAfter = time.Duration(rng.Int64N(int64(pick(rng, []time.Duration{100 * time.Millisecond, 2 * time.Second, time.Minute}))))
		op.endsAfter++ // 0 would mean that the context does not end
		op.deadline = rng.IntN(2) == 0
	}
	return op
}

// makeInvalid replaces an argument by one that violates the grammar of names.
func (op *operation) makeInvalid(rng *rand.Rand) {
	bad := []string{"", "../x", "a//b", "A/b", "a b", "a?x=y", "a#b", "%2e%2e", "a/../b", "é", strings.Repeat("a", 300), "a:b", "-a"}
	switch {
	case op.kind == opPing || op.kind == listRepos:
		return
	case rng.IntN(2) == 0 || op.kind == checkDelete || op.kind == listTags:
		op.repository = pick(rng, bad)
	case op.kind == deleteManifest || op.kind == listRefs:
		op.reference = pick(rng, []string{"", "latest", "sha256:zz", "sha256:" + strings.Repeat("A", 64), "md5:" + strings.Repeat("a", 32), "sha256:../.."})
	default:
		op.reference = pick(rng, []string{"", "a/b", ".a", "a b", "a?b", strings.Repeat("a", 129), "sha256:zz", "../../x", "a\nb"})
	}
	op.invalid = true
}

func (m *model) everStoredDigests() []string {
	all := make([]string, 0, len(m.store.everStored))
	for digest := range m.store.everStored {
		all = append(all, digest)
	}
	slices.Sort(all)
	return all
}
