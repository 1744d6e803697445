package regret_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The page about registries is made of the table that is tested: nothing in it can be out of date.
func TestRegistriesPage(t *testing.T) {
	t.Parallel()
	page, file := registriesPage(t), filepath.Join("docs", "registries.md")
	if *updateAPI {
		if err := os.MkdirAll("docs", 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, page)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page); diff != "" {
		t.Errorf("%s is not current (-want +got):\n%s\nTo write it: go test -run Registries -update .", file, diff)
	}
}

func TestRegistriesTableHasEveryProfile(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, p := range fakeregistry.Profiles() {
		want = append(want, p.Name)
	}
	for _, r := range registryTable() {
		got = append(got, r.profile.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

const pageIntroduction = `# How registries answer

What becomes of each operation at each registry, and how that is known. This page is written by a test
(` + "`go test -run Registries -update .`" + `), which plays every cell against an imitation of the registry and compares outcome and
requests; whether the imitation is right is what the letter says:

| | how it is known | what it is worth |
|---|---|---|
| **R** | measured: asked of that server, running on loopback | a promise, for that version |
| **S** | read in the server's source, not run | a promise, for that version, if it was read right |
| **D** | the vendor's documentation says so | a promise, as far as the documentation is right |
| (I) | reported by somebody who uses it | **no promise**: it was so once; in parentheses |
| ? | nobody knows | nothing is claimed and nothing tested |
| — | the registry has no such thing | |

No hosted registry was contacted. A name like ` + "`ErrReferenced`" + ` is what ` + "`errors.Is`" + ` says; *no kind* is an error that keeps the
registry's status and words, where those do not tell what is meant. A version behind "since" is the first one that a cell
is about.

All rows but those that say *disabled* are about a registry that has deletion enabled, which many have not when they come:
distribution and olareg among them. The cells of *disabled* are about a digest, those of *disabled, by tag* about a tag.
` + "`CheckDelete`" + ` asks to delete what nobody has: *allowed* means that the answer, a refusal, is understood for what it is.
*Throttled* is a DELETE that is refused once for coming too often: *waits, repeats* is what regret does.
`

// registriesPage is the whole page.
func registriesPage(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(pageIntroduction)
	topics := fakeregistry.Topics()
	i := slices.Index(topics, fakeregistry.TopicTwice)
	writeTable(&b, "Deleting", slices.Concat(topics[2:i]))
	writeTable(&b, "Reading, and being refused", slices.Concat(topics[:2], topics[i:]))
	b.WriteString("\n## Registry by registry\n")
	for _, r := range registryTable() {
		writeNotes(t, &b, r)
	}
	return b.String()
}

func writeTable(b *strings.Builder, title string, topics []fakeregistry.Topic) {
	fmt.Fprintf(b, "\n## %s\n\n| registry |", title)
	for _, topic := range topics {
		fmt.Fprintf(b, " %s |", heading(topic))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(topics)) + "\n")
	for _, r := range registryTable() {
		fmt.Fprintf(b, "| %s |", r.profile.Name)
		for _, topic := range topics {
			fmt.Fprintf(b, " %s |", r.text(topic))
		}
		b.WriteString("\n")
	}
}

// heading is what a topic is called on the page.
func heading(topic fakeregistry.Topic) string {
	if topic == fakeregistry.TopicMissing {
		return "`CheckDelete`"
	}
	return string(topic)
}

// sinceVersion is where a claim says which version it begins with.
var sinceVersion = regexp.MustCompile(`since ([A-Z][a-z]+ )?[0-9]+(\.[0-9]+)*`)

// since is from when on a cell counts.
func (r row) since(topic fakeregistry.Topic) string {
	for _, claim := range r.profile.Claims {
		if since := sinceVersion.FindString(claim.Says); claim.Topic == topic && since != "" {
			return ", " + since
		}
	}
	return ""
}

// text is a cell of the page.
func (r row) text(topic fakeregistry.Topic) string {
	evidence := r.profile.Evidence(topic)
	c, known := r.cell(topic)
	if !known {
		return map[fakeregistry.Evidence]string{fakeregistry.Unverified: "?", fakeregistry.NoSuch: "—"}[evidence]
	}
	text := "yes"
	switch topic {
	case fakeregistry.TopicMissing:
		text = "allowed"
	case fakeregistry.TopicThrottled:
		text = "waits, repeats"
	}
	switch {
	case c.kind == unclassified:
		text = "*no kind*"
	case c.kind != "":
		text = "`" + kindName(c.kind) + "`"
	default:
		usual := strings.Fields(specified()[topic].gone)
		gone := strings.Fields(c.gone)
		if slices.Contains(gone, "sibling") {
			text += ", with its children"
		}
		if topic == fakeregistry.TopicChild {
			text += ", and the index is broken"
		}
		if slices.Contains(usual, "v2") && !slices.Contains(gone, "v2") {
			text += ", but its tags stay"
		}
	}
	text += r.since(topic)
	if evidence == fakeregistry.Reported {
		return "(" + text + ") I"
	}
	return text + " " + string(evidence)
}

// writeNotes says what is known of one registry, and what regret advises.
func writeNotes(t *testing.T, b *strings.Builder, r row) {
	t.Helper()
	p := r.profile
	fmt.Fprintf(b, "\n### %s\n\nLooked at: %s.\n\n", p.Name, p.Version)
	for _, claim := range p.Claims {
		switch claim.Evidence {
		case fakeregistry.NoSuch:
			fmt.Fprintf(b, "- %s: —. %s\n", heading(claim.Topic), claim.Says)
		case fakeregistry.Unverified:
			fmt.Fprintf(b, "- %s: not known. %s\n", heading(claim.Topic), claim.Says)
		case fakeregistry.Reported:
			fmt.Fprintf(b, "- %s (I), reported: %s\n", heading(claim.Topic), claim.Says)
		default:
			fmt.Fprintf(b, "- %s **%s**: %s\n", heading(claim.Topic), claim.Evidence, claim.Says)
		}
	}
	var said []string
	for _, topic := range fakeregistry.Topics() {
		if _, known := r.cell(topic); !known {
			continue
		}
		_, err := playTopic(t, p, topic)
		e, ok := errors.AsType[*regret.Error](err)
		if !ok || e.Hint == "" {
			continue
		}
		line := fmt.Sprintf("- %s\n", e.Hint)
		if e.Kind != "" {
			line = fmt.Sprintf("- `%s`: %s\n", kindName(e.Kind), e.Hint)
		}
		if !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	if len(said) > 0 {
		fmt.Fprintf(b, "\nWhat the errors advise:\n\n%s", strings.Join(said, ""))
	}
}

// kindName is the name of a kind in the code.
func kindName(kind regret.Kind) string {
	return map[regret.Kind]string{
		regret.ErrNotFound: "ErrNotFound", regret.ErrUnauthorized: "ErrUnauthorized", regret.ErrForbidden: "ErrForbidden",
		regret.ErrDeleteDisabled: "ErrDeleteDisabled", regret.ErrTagDeleteUnsupported: "ErrTagDeleteUnsupported",
		regret.ErrReferenced: "ErrReferenced", regret.ErrStillTagged: "ErrStillTagged", regret.ErrImmutable: "ErrImmutable",
		regret.ErrReadOnly: "ErrReadOnly", regret.ErrRateLimited: "ErrRateLimited",
	}[kind]
}
