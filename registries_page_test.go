package regret_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
| **S** | read in the server's source, not run | a promise, for that version |
| **D** | the vendor's documentation says so | as good as the documentation |
| (I) | reported by somebody who uses it | **no promise**: it was so once; in parentheses |
| ? | nobody knows | nothing is claimed and nothing tested |
| — | the registry has no such thing | |

No hosted registry was contacted. A name like ` + "`ErrReferenced`" + ` is what ` + "`errors.Is`" + ` says; *no kind* is an error that keeps the
registry's status and words, where those do not tell what is meant.
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
	b.WriteString("\n*Missing* is `CheckDelete`, which asks to delete what nobody has: \"yes\" means that the answer is understood.\n")
	b.WriteString("*Throttled* is a DELETE that is refused once for coming too often: \"yes\" means that it is repeated when its time has come.\n")
	b.WriteString("\n## Registry by registry\n")
	for _, r := range registryTable() {
		writeNotes(t, &b, r)
	}
	return b.String()
}

func writeTable(b *strings.Builder, title string, topics []fakeregistry.Topic) {
	fmt.Fprintf(b, "\n## %s\n\n| registry |", title)
	for _, topic := range topics {
		fmt.Fprintf(b, " %s |", topic)
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

// text is a cell of the page.
func (r row) text(topic fakeregistry.Topic) string {
	evidence := r.profile.Evidence(topic)
	c, known := r.cell(topic)
	if !known {
		return map[fakeregistry.Evidence]string{fakeregistry.Unverified: "?", fakeregistry.NoSuch: "—"}[evidence]
	}
	text := "yes"
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
			fmt.Fprintf(b, "- %s: —. %s\n", claim.Topic, claim.Says)
		case fakeregistry.Unverified:
			fmt.Fprintf(b, "- %s: not known. %s\n", claim.Topic, claim.Says)
		case fakeregistry.Reported:
			fmt.Fprintf(b, "- %s (I), reported: %s\n", claim.Topic, claim.Says)
		default:
			fmt.Fprintf(b, "- %s **%s**: %s\n", claim.Topic, claim.Evidence, claim.Says)
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
