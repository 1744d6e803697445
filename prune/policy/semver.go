package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A constraint is a compiled range of versions: a list of intervals of versions, and
// what Masterminds/semver says about each of them. Asking it about each tag anew
// would take a microsecond, mostly for the text of an error that nobody reads.
type constraint struct {
	from []Version // where each interval begins; it ends where the next one begins
	// What is in the range, by interval. A range that does not mention pre-releases
	// has none of those between its versions.
	releases, pres []bool
}

// compileConstraint compiles a range in the notation of Masterminds/semver, such as
// ">=1.2.0 <2", "1.x || 3.x" or "~1.4". Pre is empty or "only": pre-releases alone.
func compileConstraint(text, pre string) (*constraint, error) {
	allowed, err := semver.NewConstraint(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a range of versions: %w", redact.Clip(text), err)
	}
	if err := checkExclusions(text); err != nil {
		return nil, err
	}
	preOnly := pre == "only"
	allowed.IncludePrerelease = preOnly
	c := &constraint{from: boundaries(text)}
	satisfiable := false
	for i, v := range c.from {
		// All versions of a kind in an interval are like the first one. An interval may have none.
		release, preRelease := Version{v.Major, v.Minor, v.Patch, ""}, v
		if v.Pre == "" {
			preRelease = Version{v.Major, v.Minor, v.Patch + 1, "0"}
		}
		within := func(v Version) bool { return i+1 == len(c.from) || v.Compare(c.from[i+1]) < 0 }
		c.releases = append(c.releases, !preOnly && within(release) && allowed.Check(masterminds(release)))
		c.pres = append(c.pres, within(preRelease) && allowed.Check(masterminds(preRelease)))
		satisfiable = satisfiable || c.releases[i] || c.pres[i]
	}
	switch {
	case !satisfiable && preOnly:
		return nil, fmt.Errorf("no pre-release is in the range %q", redact.Clip(text))
	case !satisfiable:
		return nil, fmt.Errorf("no version is in the range %q", redact.Clip(text))
	}
	return c, nil
}

// checkExclusions reports a range such as "!=1.2-rc". Masterminds/semver then excludes
// 1.2.0-rc, 1.2.1-rc and so on without end, which is no interval, and is never meant.
func checkExclusions(text string) error {
	for _, m := range excludedInRange.FindAllStringSubmatch(text, -1) {
		if _, err := strconv.ParseUint(m[3], 10, 64); m[4] != "" && (err != nil || strings.ContainsAny(m[1]+m[2], "xX*")) {
			return fmt.Errorf("%q excludes pre-releases of versions that it does not name in full", redact.Clip(text))
		}
	}
	return nil
}

func masterminds(v Version) *semver.Version { return semver.New(v.Major, v.Minor, v.Patch, v.Pre, "") }

func (c *constraint) match(v Version) bool {
	// The first interval begins at the lowest version there is.
	i := sort.Search(len(c.from), func(i int) bool { return c.from[i].Compare(v) > 0 }) - 1
	if v.Pre != "" {
		return c.pres[i]
	}
	return c.releases[i]
}

const versionExpression = `([\dxX*]+)(?:\.([\dxX*]+))?(?:\.([\dxX*]+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?`

var (
	versionInRange  = regexp.MustCompile(versionExpression)
	excludedInRange = regexp.MustCompile(`!=\s*v?` + versionExpression)
)

// boundaries returns all versions at which a range can begin or end, in order: each
// version that it names, the next patch, minor and major version, and the first
// pre-release of each. Right after a pre-release is the one with a further ".0".
func boundaries(text string) []Version {
	all := map[Version]bool{{Pre: "0"}: true, {}: true}
	add := func(v Version) {
		all[v] = true
		if v.Pre == "" {
			v.Pre = "0"
		} else {
			v.Pre += ".0"
		}
		all[v] = true
	}
	for _, m := range versionInRange.FindAllStringSubmatch(text, -1) {
		var n [3]uint64
		for i := range n {
			n[i], _ = strconv.ParseUint(m[i+1], 10, 64) // "x" and what is absent count as 0
		}
		add(Version{n[0], 0, 0, ""})
		add(Version{n[0], n[1], 0, ""})
		add(Version{n[0], n[1], n[2], ""})
		add(Version{n[0], n[1], n[2] + 1, ""})
		add(Version{n[0], n[1] + 1, 0, ""})
		add(Version{n[0] + 1, 0, 0, ""})
		if m[4] != "" {
			add(Version{n[0], 0, 0, m[4]})
			add(Version{n[0], n[1], 0, m[4]})
			add(Version{n[0], n[1], n[2], m[4]})
		}
	}
	return slices.SortedFunc(maps.Keys(all), Version.Compare)
}
