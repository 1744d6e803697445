package plan

import (
	"fmt"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// An outcome is what a keep rule says about a candidate.
type outcome struct {
	answer  answer
	matched bool
	reason  keepReason
	newest  place // of a rule that ranks by "newest"
	period  place // of a rule with a calendar
}

// A keepReason says why a keep rule holds a candidate.
type keepReason uint8

const (
	keepNothing   keepReason = iota // it does not
	keepTag                         // the rule has no condition
	keepNewest                      // among the newest N
	keepPeriod                      // the newest of a period
	keepWithin                      // young enough
	keepInUse                       // an in-use list has it
	keepUndated                     // no usable date, and the rule asks for it
	keepUnranked                    // no version or number, and the rule asks for it
	keepUndecided                   // not everything is read yet
)

// keep returns whether a keep rule holds a candidate. A rule without a condition holds all
// that it matches; of several conditions one suffices. A candidate without the date, the
// version or the number that a condition asks for is held: unknown is never old.
func (d *Decision) keep(k *ranked, c int) outcome {
	o := outcome{newest: place{better: -1}, period: place{better: -1}}
	if k.File() != "" {
		if d.inUse.byRule[k.Name()][d.candidates[c]] {
			o.matched = true
			o.hold(yes, keepInUse)
		}
		return o
	}
	var buffer [4]policy.Match
	matches := buffer[:0]
	for _, tag := range d.ordinaryTags(c) {
		matches = k.AppendMatches(matches, d.snapshot.tags[tag].name)
	}
	if len(matches) == 0 {
		return o
	}
	o.matched = true
	if !k.HasConditions() {
		o.hold(yes, keepTag)
	}
	if k.newest != nil {
		o.newest = d.placeOf(k.newest, c)
		o.holdPlace(o.newest, keepNewest, k.By())
	}
	if k.calendar != nil {
		o.period = d.placeOf(k.calendar, c)
		o.holdPlace(o.period, keepPeriod, policy.ByDate)
	}
	if span, ok := k.Within(); ok {
		since := span.Before(d.at).Unix()
		for i := range matches {
			o.holdWithin(since, d.dateFor(c, &matches[i]))
		}
	}
	return o
}

// hold records what one condition says. The first of those that hold is the reason.
func (o *outcome) hold(a answer, reason keepReason) {
	if a > o.answer {
		o.answer, o.reason = a, reason
	}
}

func (o *outcome) holdPlace(p place, reason keepReason, by policy.By) {
	switch p.status {
	case placeIn:
		o.hold(yes, reason)
	case placeOpen:
		o.hold(maybe, keepUndecided)
	case placeOut:
	default:
		if by != policy.ByDate {
			o.hold(yes, keepUnranked)
		} else {
			o.hold(yes, keepUndated)
		}
	}
}

func (o *outcome) holdWithin(since int64, a age) {
	switch {
	case a.at != 0 && a.at >= since:
		o.hold(yes, keepWithin)
	case !a.complete:
		o.hold(maybe, keepUndecided)
	case a.at == 0:
		o.hold(yes, keepUndated)
	}
}

// placeOf returns the place of an image, or of the subject of a tagged referrer. A subject
// that is no image, or that the rule does not match, has none.
func (d *Decision) placeOf(places []place, c int) place {
	if ranked := d.rankedAs(c); ranked >= 0 && places[ranked].status != unmatched {
		return places[ranked]
	}
	return place{status: unranked, better: -1}
}

// rankedAs returns the image whose rank rules ask for: a candidate itself, or the subject
// of a tagged referrer. It is -1 if the subject is no image.
func (d *Decision) rankedAs(c int) int {
	id := d.candidates[c]
	if !d.snapshot.isReferrer(id) {
		return c
	}
	subject := d.snapshot.nodes[id].subject
	if d.snapshot.isReferrer(subject) {
		return -1
	}
	return int(d.candidate[subject])
}

// dateNotNeeded is why a rule that asks for a date says nothing: others decide, so that the
// date was not read.
const dateNotNeeded = "date not needed"

// why says in words why a keep rule holds a candidate, or how nearly it did.
func (o *outcome) why(k *ranked) string {
	switch o.reason {
	case keepTag:
		return "the rule names its tag"
	case keepNewest:
		if o.newest.better < 0 {
			return fmt.Sprintf("there are no more than %d", k.Count())
		}
		return fmt.Sprintf("number %d of the newest %d", o.newest.better+1, k.Count())
	case keepPeriod:
		return fmt.Sprintf("the newest of its period, %s", policy.Unit(o.period.unit))
	case keepWithin:
		span, _ := k.Within()
		return fmt.Sprintf("at most %s old", span)
	case keepInUse:
		return "it is in use"
	case keepUndated:
		return noUsableDate
	case keepUnranked:
		if k.By() == policy.ByNumber {
			return "no number to rank"
		}
		return "no version to rank"
	case keepUndecided:
		return dateNotNeeded
	}
	if o.newest.better >= 0 {
		return fmt.Sprintf("number %d, not among the newest %d", o.newest.better+1, k.Count())
	}
	return "no condition of the rule holds"
}
