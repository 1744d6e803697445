package policyfile

import (
	"fmt"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// Describe returns what a policy means in words: a line for each rule and each limit, with the
// values that the policy leaves to the defaults.
func Describe(p *policy.Policy) string {
	doc := p.Document()
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(printable(fmt.Sprintf(format, args...)) + "\n")
	}
	repositories := "all repositories"
	if len(doc.Repositories) != 1 || doc.Repositories[0] != "**" {
		repositories = "repositories that match " + join(quotedAll(doc.Repositories), "or")
	}
	line("This policy is for %s.", repositories)
	line("An image goes if remove rules want all of its tags and no keep rule holds it. What no rule names stays.")
	line("")
	line("Keep rules hold:")
	for _, k := range doc.Keep {
		line("- %s: %s.", k.Name, keepInWords(k))
	}
	if len(doc.Keep) == 0 {
		line("- nothing: there is no keep rule.")
	}
	line("")
	line("Remove rules want:")
	for _, m := range doc.Remove {
		line("- %s: %s.", m.Name, removeInWords(m))
	}
	line("")
	line("A plan is refused if it")
	limits := p.Limits()
	line("- removes more than %d %% of the images%s,", limits.MaxPercent, whether(limits.MaxPercent == 50))
	line("- removes more than %d images, untagged manifests and trash%s,", limits.MaxImages, whether(limits.MaxImages == 5000))
	line("- leaves fewer than %d %s%s, or", limits.MinLeft, plural(limits.MinLeft, "image"), whether(limits.MinLeft == 1))
	line("- finds more than %d %s that cannot be read%s.", limits.Broken, plural(limits.Broken, "tag"), whether(limits.Broken == 0))
	return b.String()
}

func whether(isDefault bool) string {
	if isDefault {
		return " (the default)"
	}
	return ""
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func keepInWords(k policy.Keep) string {
	if k.File != "" {
		s := fmt.Sprintf("images that the in-use list %s names, which must not be older than %s", asQuoted(k.File), k.MaxAge)
		if len(k.Registries) > 0 {
			s += "; there, " + join(quotedAll(k.Registries), "or") + " is this registry, too"
		}
		return s
	}
	var conditions []string
	if k.Newest > 0 {
		conditions = append(conditions, newest(k.Newest, k.By, k.Per, k.Groups))
	}
	if periods := periods(k); len(periods) > 0 {
		conditions = append(conditions, "the newest of each of the last "+join(periods, "and")+" that have one"+ofEach(k.Per, k.Groups))
	}
	if k.Within != "" {
		conditions = append(conditions, "those that are at most "+k.Within+" old")
	}
	s := "images with " + tags(k.Tags, k.Except)
	if len(conditions) > 0 {
		s = "of " + s + ", " + strings.Join(conditions, ", and ")
	}
	return s + zone(k.Zone)
}

func periods(k policy.Keep) (words []string) {
	for _, period := range []struct {
		n    int
		unit string
	}{{k.Hourly, "hour"}, {k.Daily, "day"}, {k.Weekly, "week"}, {k.Monthly, "month"}, {k.Yearly, "year"}} {
		if period.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", period.n, plural(period.n, period.unit)))
		}
	}
	return words
}

func removeInWords(m policy.Remove) string {
	switch {
	case m.Untagged:
		return "manifests without a tag that are older than " + m.OlderThan
	case m.Orphans:
		return "signatures and other companions of images that are gone, if they are older than " + m.OlderThan
	case m.Trash:
		return "images that were moved to the trash more than " + m.OlderThan + " ago"
	case len(m.References) > 0:
		return "exactly these tags and manifests: " + strings.Join(quotedAll(m.References), ", ") + untag(m)
	}
	var conditions []string
	if m.OlderThan != "" {
		condition := "is older than " + m.OlderThan
		if m.Undated {
			condition += " or has no usable date"
		}
		conditions = append(conditions, condition)
	}
	if m.Beyond > 0 {
		conditions = append(conditions, "is not among "+newest(m.Beyond, m.By, m.Per, m.Groups))
	}
	if m.NotPulled != "" {
		conditions = append(conditions, "was last pulled more than "+m.NotPulled+" ago, as far as that is known")
	}
	s := tags(m.Tags, m.Except)
	if len(conditions) > 0 {
		s += ", if the image " + strings.Join(conditions, " and ")
		if m.OlderThan != "" && !m.Undated {
			s += "; one without a usable date is never old"
		}
	}
	return s + untag(m) + zone(m.Zone)
}

func untag(m policy.Remove) string {
	switch {
	case m.Overwrite:
		return "; of images that stay, these tags are taken off by overwriting them"
	case m.Untag:
		return "; of images that stay, these tags are taken off"
	}
	return ""
}

// newest says which images are the newest.
func newest(n int, by string, per []string, groups int) string {
	return fmt.Sprintf("the newest %d by %s%s", n, by, ofEach(per, groups))
}

// ofEach says what makes groups.
func ofEach(per []string, groups int) string {
	if len(per) == 0 {
		return ""
	}
	var names []string
	for _, name := range per {
		switch name {
		case "major", "minor":
			name += " version"
		case "pattern":
		default:
			name = "value of the group " + asQuoted(name)
		}
		names = append(names, name)
	}
	s := " of each " + join(names, "and")
	if groups > 0 {
		s += fmt.Sprintf(" (the best %d of these alone)", groups)
	}
	return s
}

func zone(name string) string {
	if name == "" {
		return ""
	}
	return " (time zone " + name + ")"
}

// tags says which tags patterns match.
func tags(list, except []policy.Pattern) string {
	s := "any tag"
	if list != nil {
		s = "tags that match " + join(patterns(list), "or")
	}
	if len(except) > 0 {
		s += ", except those that match " + join(patterns(except), "or")
	}
	return s
}

func patterns(list []policy.Pattern) (words []string) {
	for _, p := range list {
		var parts []string
		if p.Glob != "" {
			parts = append(parts, asQuoted(p.Glob))
		}
		if p.Regexp != "" {
			parts = append(parts, "the regular expression "+asQuoted(p.Regexp))
		}
		if p.Semver != "" {
			kind := "versions"
			if p.Pre == "only" {
				kind = "pre-releases alone"
			}
			parts = append(parts, "the range "+asQuoted(p.Semver)+" of "+kind)
		}
		words = append(words, strings.Join(parts, " with "))
	}
	return words
}

func quotedAll(list []string) (quoted []string) {
	for _, s := range list {
		quoted = append(quoted, asQuoted(s))
	}
	return quoted
}

// join joins words: a, b and c.
func join(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}
