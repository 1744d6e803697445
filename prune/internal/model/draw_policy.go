package model

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// drawPolicy makes up a valid policy of all forms of rules.
func drawPolicy(t *rapid.T) Document {
	doc := Document{Version: 1}
	for len(doc.Keep) < 3 && chance(t, 14, "has one more keep rule") {
		r := drawKeep(t, len(doc.Keep) > 0)
		r.Name = fmt.Sprint("keep ", len(doc.Keep))
		doc.Keep = append(doc.Keep, r)
	}
	for len(doc.Remove) == 0 || len(doc.Remove) < 4 && chance(t, 18, "has one more remove rule") {
		r := drawRemove(t)
		r.Name = fmt.Sprint("remove ", len(doc.Remove))
		doc.Remove = append(doc.Remove, r)
	}
	if overwrite := chance(t, 8, "overwrites"); overwrite {
		for i := range doc.Remove {
			doc.Remove[i].Overwrite = doc.Remove[i].Untag
		}
	}
	doc.Limits = drawLimits(t)
	return doc
}

func drawLimits(t *rapid.T) (l Limits) {
	number := func(n int) *int { return &n }
	if chance(t, 26, "has wide limits") {
		return Limits{MaxPercent: number(100), MinLeft: number(0), Broken: number(9)}
	}
	if chance(t, 16, "has a limit of images") {
		l.MaxImages = number(dice.Draw(t, "max-images") % 4)
	}
	if chance(t, 16, "has a limit of percent") {
		l.MaxPercent = number(dice.Draw(t, "max-percent") * 3)
	}
	if chance(t, 16, "has a limit of what is left") {
		l.MinLeft = number(dice.Draw(t, "min-left") % 4)
	}
	return l
}

var (
	anything = Pattern{Glob: "*"}
	// What these patterns say of versions, numbers and groups decides what rules may ask.
	patterns = []Pattern{
		anything,
		{Glob: "pr-*"}, {Glob: "main-*"}, {Glob: "{latest,stable,1}"}, {Glob: "v*"}, {Glob: "build-*"}, {Glob: "*-[0-9]"}, {Glob: "latest"},
		{Semver: "*"}, {Semver: ">=1.0.0"}, {Semver: ">=0.0.0-0"}, {Semver: ">=1.0.0-0 <2.0.0"}, {Semver: "1.x || >=2.0.0-0"},
		{Semver: ">=0.0.0", Pre: "only"},
		{Regexp: `build-(?P<number>\d+)(?P<variant>-debug)?`},
		{Regexp: `(?P<branch>[a-z]+)-(?P<number>\d+)`},
		{Regexp: `v?(?P<version>\d+\.\d+\.\d+)(?P<variant>-alpine)?`},
		{Regexp: `(?P<version>v?\d+(\.\d+)*(-.+)?)`},
		{Regexp: `(?P<version>.+?)(?P<variant>-alpine)?`, Semver: ">=1.0.0-0"},
		{Regexp: `(?P<branch>[a-z]+)-\d+|latest`},
		{Regexp: `nightly-(?P<date>\d+)`},
		{Regexp: `pr-1|main-\d`},
	}
)

func drawPatterns(t *rapid.T) (some Patterns) {
	for len(some) == 0 || len(some) < 3 && chance(t, 5, "has one more pattern") {
		if chance(t, 12, "anything") {
			return append(some, anything)
		}
		some = append(some, pick(t, "pattern", patterns...))
	}
	return some
}

func drawKeep(t *rapid.T, mayHaveFile bool) (r Rule) {
	if mayHaveFile && chance(t, 9, "is an in-use list") {
		r.File = "in-use.txt"
		if chance(t, 16, "has further names") {
			r.Registries = []string{"mirror.local:5000"}
		}
		return r
	}
	r.drawTags(t)
	if chance(t, 16, "newest") {
		r.Newest = 1 + dice.Draw(t, "n")%3
	}
	for _, period := range []*int{&r.Hourly, &r.Daily, &r.Weekly, &r.Monthly, &r.Yearly} {
		if chance(t, 3, "calendar") {
			*period = 1 + dice.Draw(t, "n")%2
		}
	}
	if chance(t, 5, "within") {
		r.Within = pick(t, "within", "24h", "10d", "1mo", "1y")
	}
	if len(r.Tags) == 0 && r.Newest == 0 && len(r.calendar()) == 0 && r.Within == "" {
		r.Newest = 1
	}
	r.drawRanking(t, r.Newest)
	return r
}

func drawRemove(t *rapid.T) (r Rule) {
	switch pick(t, "form", 0, 0, 0, 0, 0, 0, 1, 2, 3) {
	case 1:
		r.Untagged, r.OlderThan = true, pick(t, "older-than", "", "24h", "30d")
		return r
	case 2:
		r.Orphans, r.OlderThan = true, pick(t, "older-than", "", "24h", "30d")
		return r
	case 3:
		r.Trash, r.OlderThan = true, pick(t, "older-than", "14d", "30d")
		return r
	}
	r.drawTags(t)
	if chance(t, 11, "older-than") {
		r.OlderThan = pick(t, "older-than", "12h", "24h", "3d", "10d", "30d", "1mo", "1y")
		r.Undated = chance(t, 8, "undated")
	}
	if chance(t, 6, "beyond") {
		r.Beyond = 1 + dice.Draw(t, "n")%2
	}
	if chance(t, 3, "not-pulled") {
		r.NotPulled = pick(t, "not-pulled", "10d", "30d")
	}
	if len(r.Tags) == 0 && r.OlderThan == "" && r.Beyond == 0 && r.NotPulled == "" {
		r.OlderThan = "10d"
	}
	r.Untag = chance(t, 10, "untag")
	r.drawRanking(t, r.Beyond)
	return r
}

func (r *Rule) drawTags(t *rapid.T) {
	if chance(t, 28, "has patterns") {
		r.Tags = drawPatterns(t)
	}
	// A rule whose exceptions take everything away is invalid.
	if (len(r.Tags) == 0 || slices.Contains(r.Tags, anything)) && chance(t, 6, "has exceptions") {
		r.Except = Patterns{pick(t, "except", Pattern{Glob: "pr-keep-*"}, Pattern{Glob: "latest"}, Pattern{Regexp: `.*-rc\.?\d+`}, Pattern{Semver: "<1.1.0"})}
	}
}

// drawRanking adds how to rank and group, of what the patterns have.
func (r *Rule) drawRanking(t *rapid.T, count int) {
	counts := count > 0 || len(r.calendar()) > 0
	all := func(group string) bool {
		for _, p := range r.Tags {
			if !p.yields(group) {
				return false
			}
		}
		return len(r.Tags) > 0
	}
	var per []string
	for _, group := range []string{"branch", "variant"} {
		if slices.ContainsFunc(r.Tags, func(p Pattern) bool { return p.yields(group) }) {
			per = append(per, group)
		}
	}
	if all("version") {
		per = append(per, "major", "minor", "pattern")
	}
	if counts && len(per) > 0 && chance(t, 16, "per") {
		r.Per = Strings{pick(t, "per", per...)}
		if chance(t, 10, "groups") {
			r.Groups = 1 + dice.Draw(t, "g")%2
		}
	}
	if count > 0 && chance(t, 5, "by") {
		by := []string{"date"}
		for _, group := range []string{"version", "number"} {
			if all(group) {
				by = append(by, group)
			}
		}
		r.By = pick(t, "by", by...)
	}
	asksDateInTag := all("date") && (r.OlderThan != "" || r.Within != "" || count > 0)
	if (len(r.calendar()) > 0 || asksDateInTag) && chance(t, 10, "zone") {
		r.Zone = pick(t, "zone", "Europe/Berlin", "Asia/Kolkata", "America/New_York")
	}
}
