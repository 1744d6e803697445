package model

import "slices"

// datesNeeded returns of what the decision needs the date: of what some date would let be selected,
// or some date would let lose a tag; and if that is ranked by date, of all in its groups. A tagged
// referrer has the date of its subject.
func (d *decision) datesNeeded() map[string]bool {
	needed := map[string]bool{}
	for _, id := range d.where(func(m *manifest) bool { return m.isImage() || m.isTaggedReferrer() }) {
		if d.mightBeSelected(id) != maybe && !d.mightLoseTag(id) {
			continue
		}
		needed[d.root(id)] = true
		for _, r := range slices.Concat(d.policy.Keep, d.policy.Remove) {
			for _, n := range r.rankedByDate() {
				if k := d.rank(r, "date"); k.isContested(d.ranked(id), n) {
					for _, rival := range k.rivals(d.ranked(id)) {
						needed[rival] = true
					}
				}
			}
		}
	}
	return needed
}

// mightLoseTag reports whether dates decide which tags rules take off an image.
func (d *decision) mightLoseTag(id string) bool {
	m := d.manifests[id]
	remains := no // a tag that no rule wants
	for _, tag := range m.ordinary {
		remains = max(remains, not(d.mightBeWanted(id, tag)))
	}
	return m.isImage() && slices.ContainsFunc(m.ordinary, func(tag string) bool {
		untags := no
		for _, r := range d.policy.Remove {
			if r.Untag {
				untags = max(untags, d.mightWant(r, id, tag))
			}
		}
		for _, r := range d.policy.Keep {
			if len(r.matches(tag)) > 0 {
				untags = min(untags, not(d.mightKeep(r, id)))
			}
		}
		return min(untags, remains) == maybe
	})
}

// perhaps is what is known of something before any date is.
type perhaps int

const (
	no perhaps = iota
	maybe
	yes
)

func known(is bool) perhaps {
	if is {
		return yes
	}
	return no
}

func not(p perhaps) perhaps { return yes - p }

// mightBeSelected returns whether a manifest is selected, before any date is known.
func (d *decision) mightBeSelected(id string) perhaps {
	selected := yes
	for _, tag := range d.manifests[id].ordinary {
		selected = min(selected, d.mightBeWanted(id, tag))
	}
	for _, r := range d.policy.Keep {
		selected = min(selected, not(d.mightKeep(r, id)))
	}
	return selected
}

func (d *decision) mightBeWanted(id, tag string) perhaps {
	wanted := no
	for _, r := range d.policy.Remove {
		wanted = max(wanted, d.mightWant(r, id, tag))
	}
	return wanted
}

func (d *decision) mightWant(r Rule, id, tag string) perhaps {
	if r.Untagged || r.Orphans || r.Trash || len(r.matches(tag)) == 0 {
		return no
	}
	wanted := yes
	if r.OlderThan != "" {
		wanted = min(wanted, d.maybeUnlessInTag(r, id, []string{tag}, d.wants(Rule{Tags: r.Tags, Except: r.Except, Zone: r.Zone, OlderThan: r.OlderThan, Undated: r.Undated}, id, tag)))
	}
	if r.Beyond > 0 {
		beyond := known(d.rank(r, r.rankedBy()).newest(d.ranked(id), r.Beyond) == outside)
		if r.rankedBy() == "date" {
			beyond = not(d.mightBeNewest(r, id, r.Beyond))
		}
		wanted = min(wanted, beyond)
	}
	if r.NotPulled != "" {
		wanted = min(wanted, known(d.isIdle(id, r.NotPulled)))
	}
	return wanted
}

func (d *decision) mightKeep(r Rule, id string) perhaps {
	m := d.manifests[id]
	if r.File != "" || !r.matchesAny(m.ordinary) || r.Newest == 0 && len(r.calendar()) == 0 && r.Within == "" {
		return known(d.keeps(r, id))
	}
	held := no
	if r.Newest > 0 && r.rankedBy() != "date" {
		held = max(held, known(d.rank(r, r.rankedBy()).newest(d.ranked(id), r.Newest) != outside))
	}
	for _, n := range r.rankedByDate() {
		held = max(held, d.mightBeNewest(r, id, n))
	}
	if r.Within != "" {
		held = max(held, d.maybeUnlessInTag(r, id, m.ordinary, d.keeps(Rule{Tags: r.Tags, Except: r.Except, Zone: r.Zone, Within: r.Within}, id)))
	}
	return held
}

// maybeUnlessInTag returns what is so if all dates are in the tags.
func (d *decision) maybeUnlessInTag(r Rule, id string, tags []string, is bool) perhaps {
	for _, tag := range tags {
		if slices.ContainsFunc(r.matches(tag), func(m match) bool { return !m.dated }) {
			return maybe
		}
	}
	return known(is)
}

// rankedByDate returns the numbers of the conditions of a rule that rank by date.
func (r Rule) rankedByDate() (numbers []int) {
	if n := max(r.Newest, r.Beyond); n > 0 && r.rankedBy() == "date" {
		numbers = append(numbers, n)
	}
	for _, c := range r.calendar() {
		numbers = append(numbers, c.n)
	}
	return numbers
}

// mightBeNewest returns whether a manifest is among the n newest of its groups, as far as that is
// clear without dates: all are if there are not more than n.
func (d *decision) mightBeNewest(r Rule, id string, n int) perhaps {
	k := d.rank(r, "date")
	if len(k.of(d.ranked(id))) == 0 || !k.isContested(d.ranked(id), n) {
		return yes
	}
	return maybe
}

// isContested reports whether some group of an image has more than n images.
func (k *ranking) isContested(id string, n int) bool {
	for _, e := range k.of(id) {
		others := map[string]bool{}
		for _, other := range k.entries {
			if other.group == e.group {
				others[other.id] = true
			}
		}
		if len(others) > n || k.rule.Groups > 0 {
			return true
		}
	}
	return false
}

// rivals returns the images in the groups of an image, and where groups compete, all.
func (k *ranking) rivals(id string) (ids []string) {
	for _, e := range k.of(id) {
		for _, other := range k.entries {
			if other.group == e.group || k.rule.Groups > 0 {
				ids = append(ids, other.id)
			}
		}
	}
	return ids
}
