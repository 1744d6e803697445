package policy

import (
	"cmp"
	"slices"
	"strconv"
)

// rules checks and compiles all rules. It returns the names of those in doc by the
// pointer of each, and what they are in canonical form.
func (c *checker) rules(doc Document) (p Policy) {
	names := map[string]string{}
	for i, k := range doc.Keep {
		at := "/keep/" + strconv.Itoa(i)
		r := c.keep(at, k)
		bare := k.bare(r)
		r.name = cmp.Or(k.Name, contentName("keep", i, bare.fields()))
		c.unique(names, at, r.name, k.Name != "")
		p.keep = append(p.keep, r)
		p.document.Keep = append(p.document.Keep, bare.filled(r))
	}
	for i, m := range doc.Remove {
		at := "/remove/" + strconv.Itoa(i)
		r := c.remove(at, m)
		bare := m.bare(r)
		r.name = cmp.Or(m.Name, contentName("remove", i, bare.fields()))
		c.unique(names, at, r.name, m.Name != "")
		p.remove = append(p.remove, r)
		p.document.Remove = append(p.document.Remove, bare.filled(r))
	}
	if len(doc.Remove) == 0 && !c.faults.within("/remove") {
		c.faults.add("/remove", "there is no remove rule, so nothing would ever be removed")
	}
	return p
}

// unique checks that no rule before this one has its name, and puts the name into
// the faults of this one.
func (c *checker) unique(names map[string]string, at, name string, given bool) {
	before, ok := names[name]
	switch {
	case ok && given:
		c.faults.add(at+"/name", "the rule %s has this name, too", before)
	case ok && !c.faults.within(at): // of a rule with faults, not all of the content is known
		c.faults.add(at+"/name", "the rule says the same as %s: drop one of them, or give them names", before)
	case !ok:
		names[name] = at
	}
	c.faults.name(at, name)
}

// bare returns a rule in order, without values that are the default.
func (k Keep) bare(r *Rule) Keep {
	k.Tags, k.Except = sortedPatterns(k.Tags), sortedPatterns(k.Except)
	k.Per, k.Registries = sortedSet(k.Per), sortedSet(k.Registries)
	k.By, k.Zone = bareRanking(k.By, k.Zone, r)
	if k.MaxAge == defaultAge {
		k.MaxAge = ""
	}
	return k
}

// filled returns a bare rule with its name and with all values that are the default.
func (k Keep) filled(r *Rule) Keep {
	k.Name = r.name
	k.By, k.Zone = filledRanking(r)
	k.MaxAge = r.maxAge.String()
	return k
}

func (m Remove) bare(r *Rule) Remove {
	m.Tags, m.Except = sortedPatterns(m.Tags), sortedPatterns(m.Except)
	m.Per, m.References = sortedSet(m.Per), sortedSet(m.References)
	m.By, m.Zone = bareRanking(m.By, m.Zone, r)
	if (m.Untagged || m.Orphans) && m.OlderThan == defaultAge {
		m.OlderThan = ""
	}
	return m
}

func (m Remove) filled(r *Rule) Remove {
	m.Name = r.name
	m.By, m.Zone = filledRanking(r)
	m.OlderThan = r.olderThan.String()
	return m
}

func bareRanking(by, zone string, r *Rule) (string, string) {
	if by == resolveBy(r.patterns).String() {
		by = ""
	}
	if zone == "UTC" {
		zone = ""
	}
	return by, zone
}

func filledRanking(r *Rule) (by, zone string) {
	if r.count > 0 || r.groups > 0 {
		by = r.by.String()
	}
	if asksZone(r) {
		zone = r.zone.String()
	}
	return by, zone
}

// sortedPatterns returns patterns in order, without repetitions. A list that is empty
// becomes nil, which is right for exceptions; empty tags are a fault.
func sortedPatterns(list []Pattern) []Pattern {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, comparePatterns)
	return slices.Compact(sorted)
}

// finish makes the policy of rules without faults.
func (p *Policy) finish(repositories []string, brakes Brakes) {
	p.brakes = brakes
	slices.SortFunc(p.keep, func(a, b *Rule) int { return cmp.Compare(a.name, b.name) })
	slices.SortFunc(p.remove, func(a, b *Rule) int { return cmp.Compare(a.name, b.name) })
	d := &p.document
	d.Version = 1
	d.Repositories = sortedSet(repositories)
	if repositories == nil {
		d.Repositories = []string{"**"}
	}
	slices.SortFunc(d.Keep, func(a, b Keep) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Remove, func(a, b Remove) int { return cmp.Compare(a.Name, b.Name) })
	d.Limits = Limits{new(brakes.MaxPercent), new(brakes.MaxImages), new(brakes.MinLeft), new(brakes.Broken)}
	p.json = d.marshal()
}

// clone returns a copy that shares nothing with a canonical document.
func (d Document) clone() Document {
	d.Repositories = slices.Clone(d.Repositories)
	d.Keep, d.Remove = slices.Clone(d.Keep), slices.Clone(d.Remove)
	for i := range d.Keep {
		k := &d.Keep[i]
		k.Tags, k.Except = slices.Clone(k.Tags), slices.Clone(k.Except)
		k.Per, k.Registries = slices.Clone(k.Per), slices.Clone(k.Registries)
	}
	for i := range d.Remove {
		m := &d.Remove[i]
		m.Tags, m.Except, m.Per, m.References = slices.Clone(m.Tags), slices.Clone(m.Except), slices.Clone(m.Per), slices.Clone(m.References)
	}
	l := &d.Limits
	*l = Limits{new(*l.MaxPercent), new(*l.MaxImages), new(*l.MinLeft), new(*l.Broken)}
	return d
}
