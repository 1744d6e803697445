package plan

import (
	"cmp"
	"iter"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// A Question asks for something that a decision needs and the snapshot does not have.
type Question struct {
	Kind   QuestionKind
	Tag    string        // of AskTag
	Digest regret.Digest // of all others
	tag    int
}

// A QuestionKind says what to read, and how to answer.
type QuestionKind uint8

// What to read.
const (
	AskTag       QuestionKind = iota // what a tag points to: [Snapshot.Manifest], NotFound, Vanished
	AskManifest                      // the content of a manifest: [Snapshot.Manifest], NotFound
	AskConfig                        // the configuration of an image: [Snapshot.Config], NotFound
	AskExists                        // whether there is a manifest: [Snapshot.Exists], NotFound
	AskReferrers                     // what refers to a manifest: [Snapshot.Referrers], NoReferrersAPI
)

// Missing yields what must be read before the decision holds, each once. Reading it may
// raise more questions in the next decision.
func (d *Decision) Missing() iter.Seq[Question] { return slices.Values(d.missing) }

// ask collects questions in the order in which answers make others unnecessary: what tags
// point to, indexes below indexes, dates that decide, and only once something goes what
// belongs to it.
func (d *Decision) ask() {
	q := &questions{Decision: d, asked: make(map[Question]bool)}
	steps := []func(){q.tags, q.namedDigests, q.indexes, func() { q.dates(); q.orphans() }}
	if d.selectsAny() {
		steps = append(steps, func() { q.companions(); q.untagged() }, q.concerned)
	}
	if d.snapshot.options.Thorough || d.snapshot.options.Sizes {
		steps = append(steps, q.staying)
	}
	if d.selectsAny() { // last, because it may be the configuration of something that is read by then
		steps = append(steps, q.used)
	}
	for _, step := range steps {
		if step(); len(d.missing) > 0 {
			return
		}
	}
}

// selectsAny reports whether rules select anything, be it a tag only. What rules name may be
// a companion tag, which is not read yet, or have one.
func (d *Decision) selectsAny() bool {
	return len(d.loose) > 0 || len(d.refs) > 0 || slices.Contains(d.selected, true) || d.hasOrphanTag()
}

func (d *Decision) hasOrphanTag() bool {
	for i, t := range d.snapshot.tags {
		if d.classes[i] == companion && d.isOrphan(classify(t.name)) {
			return true
		}
	}
	return false
}

type questions struct {
	*Decision
	asked map[Question]bool
}

func (q *questions) add(question Question) {
	if !q.asked[question] {
		q.asked[question] = true
		q.missing = append(q.missing, question)
	}
}

func (q *questions) about(kind QuestionKind, id graph.ID) {
	q.add(Question{Kind: kind, Digest: q.snapshot.digests.at(id)})
}

func (q *questions) is(id graph.ID, f nodeFlag) bool { return q.snapshot.nodes[id].flags&f != 0 }

// tags asks for what tags point to. Companion tags have time until something goes.
func (q *questions) tags() { q.tagsOfClass(func(c tagClass) bool { return c != companion }) }

// namedDigests asks for the manifests of which rules name the digest, unless a tag led to them.
func (q *questions) namedDigests() {
	for name := range q.refs {
		if !isDigestReference(name) {
			continue
		}
		if id, known := q.snapshot.find(name); !known || !q.is(id, isRead|isMissing) {
			q.add(Question{Kind: AskManifest, Digest: regret.Digest(name)})
		}
	}
	slices.SortFunc(q.missing, func(a, b Question) int { return cmp.Compare(a.Digest, b.Digest) })
}

func (q *questions) companions() { q.tagsOfClass(func(c tagClass) bool { return c == companion }) }

func (q *questions) tagsOfClass(wanted func(tagClass) bool) {
	for i, t := range q.snapshot.tags {
		if t.state == tagListed && wanted(q.classes[i]) {
			q.add(Question{Kind: AskTag, Tag: t.name, tag: i})
		}
	}
}

// indexes asks for the indexes below those that are read.
func (q *questions) indexes() {
	for id := range graph.ID(len(q.snapshot.nodes)) {
		for _, child := range q.snapshot.lists(id) {
			if !q.is(child, isRead|isMissing) && q.snapshot.isIndex(child) {
				q.about(AskManifest, child)
			}
		}
	}
}

// dates asks for the dates that could let a candidate, or one of its tags, go: first for
// its own, and where that does not settle it, for those of all that it is ranked with.
func (q *questions) dates() {
	var open []int
	for c := range q.candidates {
		if q.maySelect(c) || q.mayUntag(c) {
			open = append(open, c)
		}
	}
	for _, c := range open {
		if q.ownDateDecides(c) {
			q.date(c)
		}
	}
	if len(q.missing) > 0 {
		return
	}
	asked := make(map[[2]int32]bool) // what is ranked together by a rule, so that each is asked for once
	for _, c := range open {
		for i, r := range q.undecided(c) {
			for _, group := range q.rivals(r, c) {
				if key := [2]int32{int32(i), group}; !asked[key] {
					asked[key] = true
					for _, rival := range r.open[group] {
						q.date(int(rival))
					}
				}
			}
		}
	}
}

// maySelect reports whether some date would let a candidate be selected, and another not.
func (q *questions) maySelect(c int) bool {
	wanted := q.wantedAll(c)
	return q.held[c] != yes && wanted != no && (q.held[c] == maybe || wanted == maybe)
}

// mayUntag reports whether some date would let a rule take a tag off an image that stays,
// and another not: the rule may want the tag or not, a keep rule that names it may hold the
// image or not, and a tag that no rule wants may remain or not.
func (q *questions) mayUntag(c int) bool {
	if q.snapshot.isReferrer(q.candidates[c]) {
		return false
	}
	tags := q.ordinaryTags(c)
	remains := no
	for _, tag := range tags {
		remains = max(remains, yes-q.wanted[tag])
	}
	for _, r := range q.removes {
		if !r.Untag() {
			continue
		}
		for _, tag := range tags {
			if all := min(remains, q.wants(r, c, tag), yes-q.named(c, tag)); all == maybe {
				return true
			}
		}
	}
	return false
}

// undecided yields the rules that cannot decide about a candidate yet.
func (q *questions) undecided(c int) iter.Seq2[int, *ranked] {
	return func(yield func(int, *ranked) bool) {
		for i, k := range q.keeps {
			if k.holds[c] == maybe && !yield(i, k) {
				return
			}
		}
		for i, r := range q.removes {
			if q.mayWant(r, c) && !yield(len(q.keeps)+i, r) {
				return
			}
		}
	}
}

// mayWant reports whether a rule cannot decide about a tag of a candidate yet.
func (q *questions) mayWant(r *ranked, c int) bool {
	return slices.ContainsFunc(q.ordinaryTags(c), func(tag graph.ID) bool { return q.wants(r, c, tag) == maybe })
}

// ownDateDecides reports whether a rule that matches a candidate asks how old it is.
func (q *questions) ownDateDecides(c int) bool {
	if q.ages[c].complete {
		return false
	}
	for _, r := range q.undecided(c) {
		_, within := r.Within()
		_, older := r.OlderThan()
		if within || older {
			return true
		}
	}
	return false
}

// date asks for the date of a candidate, of a tagged referrer for that of its subject.
func (q *questions) date(c int) {
	root := q.snapshot.root(q.candidates[c])
	if q.ages[c].complete || root == none {
		return
	}
	q.visitDated(root, func(id graph.ID) {
		n := &q.snapshot.nodes[id]
		if n.flags&isRead == 0 {
			q.about(AskManifest, id)
		} else if _, known := q.snapshot.configs[n.config]; n.flags&isDated != 0 && !known {
			q.add(Question{Kind: AskConfig, Digest: q.snapshot.blobs.at(n.config)})
		}
	})
}

// orphans asks whether what companion tags belong to is gone, and what may be a referrer
// without its subject.
func (q *questions) orphans() {
	if !slices.ContainsFunc(q.removes, func(r *ranked) bool { return r.Orphans() }) {
		return
	}
	for i, t := range q.snapshot.tags {
		if q.classes[i] != companion {
			continue
		}
		if name := classify(t.name); name.whole != "" {
			if id, known := q.snapshot.digests.find(name.whole); !known || !q.is(id, isPresent|isMissing) {
				q.add(Question{Kind: AskExists, Digest: name.whole})
			}
		}
	}
	for id := range graph.ID(len(q.snapshot.nodes)) {
		if len(q.tagsOf.Of(id)) > 0 || !q.mayBeOrphan(id) {
			continue
		}
		if !q.is(id, isRead) {
			q.about(AskManifest, id)
		} else {
			q.subject(id)
		}
	}
}

// mayBeOrphan reports whether a rule would take an untagged manifest if its subject were
// gone.
func (q *questions) mayBeOrphan(id graph.ID) bool {
	uploaded := q.plausible(q.snapshot.nodes[id].uploaded)
	return q.is(id, isListed) && !q.is(id, isMissing) && uploaded != 0 && slices.ContainsFunc(q.removes, func(r *ranked) bool {
		return r.Orphans() && uploaded < q.dueSince(r.Rule)
	})
}

// subject asks whether the subject of a manifest exists.
func (q *questions) subject(id graph.ID) {
	if subject := q.snapshot.nodes[id].subject; subject != none && !q.is(subject, isPresent|isMissing) {
		q.about(AskExists, subject)
	}
}

// untagged asks for what may be indexes among the manifests that a list names without a
// tag: what they list is not to go.
func (q *questions) untagged() {
	for id := range graph.ID(len(q.snapshot.nodes)) {
		if q.is(id, isListed) && !q.is(id, isRead|isMissing) && len(q.tagsOf.Of(id)) == 0 && q.snapshot.isIndex(id) {
			q.about(AskManifest, id)
		}
	}
}

// used asks for what is in use under no tag.
func (q *questions) used() {
	for _, dgst := range q.inUse.unknown {
		q.add(Question{Kind: AskManifest, Digest: dgst})
	}
}

// concerned asks for the content of what may go, and for what refers to it.
func (q *questions) concerned() {
	may := q.graph.SolveTagsAndLists()
	for id := range graph.ID(len(q.snapshot.nodes)) {
		if !may.Goes(id) {
			continue
		}
		if !q.is(id, isRead) {
			q.about(AskManifest, id)
		}
		q.subject(id)
		if !q.is(id, hasReferrers) && !q.snapshot.noAPI {
			q.about(AskReferrers, id)
		}
	}
}

// staying asks for what options ask about manifests that stay.
func (q *questions) staying() {
	for id := range graph.ID(len(q.snapshot.nodes)) {
		if q.is(id, isMissing) || !q.is(id, isPresent|isEntry) {
			continue
		}
		if q.snapshot.options.Sizes && !q.is(id, isRead) {
			q.about(AskManifest, id)
		}
		if q.snapshot.options.Thorough && !q.is(id, hasReferrers) && !q.snapshot.noAPI {
			q.about(AskReferrers, id)
		}
	}
}
