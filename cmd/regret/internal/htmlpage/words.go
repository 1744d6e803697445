package htmlpage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// maxName and maxProse bound what is shown of a name and of a reason, in bytes.
const (
	maxName  = 200
	maxProse = 500
)

// visible returns a text in which every character can be seen: those that are not printable, such
// as control characters and those that change the direction of text, become escape sequences. It
// cuts the text at limit bytes.
func visible(text string, limit int) string {
	if len(text) <= limit && isPlain(text) {
		return text
	}
	var b strings.Builder
	for i, width := 0, 0; i < len(text); i += width {
		var r rune
		r, width = utf8.DecodeRuneInString(text[i:])
		shown := text[i : i+width]
		switch {
		case r == utf8.RuneError && width == 1:
			shown = fmt.Sprintf(`\x%02x`, text[i])
		case !strconv.IsPrint(r):
			shown = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if b.Len()+len(shown) > limit {
			b.WriteString("…")
			break
		}
		b.WriteString(shown)
	}
	return b.String()
}

// isPlain reports whether a text is printable ASCII.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// name returns what people call a manifest: its ordinary tags, its platform, or what it is.
func name(m *plan.Manifest) string {
	if tags := m.OrdinaryTags(); len(tags) > 0 {
		return tagsInWords(tags)
	}
	switch {
	case m.Platform != "":
		return visible(m.Platform, maxName)
	case m.Role == plan.RoleAttestation:
		return "attestation"
	case m.Role == plan.RoleList:
		return "list of referrers"
	case m.Role == plan.RoleReferrer:
		return artifact(m)
	case len(m.Tags) > 0:
		return tagsInWords(m.Tags)
	}
	return short(m.Digest)
}

// shownTags is how many tags a name has.
const shownTags = 3

func tagsInWords(tags []string) string {
	if more := len(tags) - shownTags; more > 0 {
		return visible(strings.Join(tags[:shownTags], ", "), maxName) + fmt.Sprintf(" and %d more", more)
	}
	return visible(strings.Join(tags, ", "), maxName)
}

// short returns the beginning of a digest, as people refer to it.
func short(dgst regret.Digest) string {
	algorithm, digits, _ := strings.Cut(string(dgst), ":")
	return algorithm + ":" + digits[:min(12, len(digits))]
}

// artifacts are words for what refers to an image, by what its companion tag or its artifact type
// contains.
//
// See https://github.com/sigstore/cosign/blob/v2.5.0/specs/SIGNATURE_SPEC.md
func artifacts() [][2]string {
	return [][2]string{
		{"sigstore.bundle", "sigstore bundle"},
		{"signature", "signature"}, {".sig", "signature"},
		{"in-toto", "attestation"}, {".att", "attestation"},
		{"spdx", "SBOM"}, {"cyclonedx", "SBOM"}, {"sbom", "SBOM"},
	}
}

// artifact returns what a referrer is.
func artifact(m *plan.Manifest) string {
	kind := m.ArtifactType
	for _, tag := range companionTags(m) {
		if _, suffix, ok := strings.Cut(tag, "."); ok {
			kind = "." + suffix
			break
		}
	}
	for _, a := range artifacts() {
		if strings.Contains(kind, a[0]) {
			return a[1]
		}
	}
	if kind == "" {
		return "referrer"
	}
	return visible(strings.TrimPrefix(kind, "."), maxName)
}

// kind returns what a manifest is, in a word.
func kind(m *plan.Manifest) string {
	switch {
	case m.Role != plan.RoleImage && m.Role != plan.RoleChild:
		return visible(string(m.Role), maxName)
	case len(m.Lists) > 0:
		return "index"
	}
	return "image"
}

// age returns the age of an image in days; "?" if it is not known, and nothing if no rule asked
// for it.
func age(m *plan.Manifest, at time.Time) string {
	switch {
	case m.Role != plan.RoleImage:
		return ""
	case m.Undated:
		return "?"
	case m.Created.IsZero():
		return ""
	}
	return count(max(0, int(at.Sub(m.Created).Hours()/24))) + " d"
}

// size returns a number of bytes in binary units.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	amount, units := float64(n)/1024, "KMGTPE"
	for amount >= 1024 && len(units) > 1 {
		amount, units = amount/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", amount, units[0])
}

// atMost returns a limit in words, and nothing for nothing.
func atMost(n int64) string {
	if n == 0 {
		return ""
	}
	return "≤ " + size(n)
}

// count returns a number with commas.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// counted returns a number with its noun.
func counted(n int, noun string) string { return count(n) + " " + plural(n, noun) }

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
