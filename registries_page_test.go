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

// The page about registries is generated from the tested table, so it cannot be out of date.
func TestRegistriesPageIsCurrent(t *testing.T) {
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

func TestRegistriesTableHasARowForEveryProfile(t *testing.T) {
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

const pageIntroduction = `# How registries respond

This page lists the outcome of each operation at each registry, and the evidence for it. A test writes it
(` + "`go test -run Registries -update .`" + `). The test runs the operation of every cell against an imitation of the registry and
compares outcome and requests. The letter in a cell is the evidence that the imitation is right:

| | evidence | reliability |
|---|---|---|
| **R** | measured at that server, running on loopback | a promise, for that version |
| **S** | read in the server's source code, not run | a promise, for that version, if the reading is right |
| **D** | documented by the vendor | a promise, if the documentation is right |
| (I) | reported by a user | **no promise**: it was so at the time of the report; in parentheses |
| ? | not known | nothing is claimed and nothing is tested |
| — | the registry does not have the feature | |

No hosted registry was contacted. A name such as ` + "`ErrReferenced`" + ` is the kind that matches with ` + "`errors.Is`" + `; *no kind* is an
error that keeps the status and message of the response, because they do not reveal what the failure means. A version after
"since" is the first version to which the cell applies.

Except for the columns *deletion disabled*, all cells apply to a registry with deletion enabled. In many registries, including
distribution and olareg, deletion is disabled by default. *Deletion disabled* applies to a deletion by digest, *deletion
disabled, by tag* to a deletion by tag. ` + "`CheckDelete`" + ` sends a DELETE for a digest that does not exist: *allowed* means
that it recognises the refusal as the response of a registry that allows deletion. ` + "`CheckUntag`" + ` does the same for a
tag. *Rate limit* is a DELETE that gets 429 once: *waits, retries* means that regret waits and then sends it again.
`

// registriesPage returns the whole page.
func registriesPage(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(pageIntroduction)
	topics := fakeregistry.Topics()
	i := slices.Index(topics, fakeregistry.TopicTwice)
	writeTable(&b, "Deleting", slices.Concat(topics[2:i]))
	writeTable(&b, "Reading, and refusals", slices.Concat(topics[:2], topics[i:]))
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

// heading returns the name of a topic on the page.
func heading(topic fakeregistry.Topic) string {
	switch topic {
	case fakeregistry.TopicMissing:
		return "`CheckDelete`"
	case fakeregistry.TopicMissingTag:
		return "`CheckUntag`"
	}
	return string(topic)
}

// sinceVersion matches the part of a claim that names the first version to which it applies.
var sinceVersion = regexp.MustCompile(`since ([A-Z][a-z]+ )?[0-9]+(\.[0-9]+)*`)

// since returns the first version to which a cell applies, if its claim names one.
func (r row) since(topic fakeregistry.Topic) string {
	for _, claim := range r.profile.Claims {
		if since := sinceVersion.FindString(claim.Says); claim.Topic == topic && since != "" {
			return ", " + since
		}
	}
	return ""
}

// text returns the text of a cell of the page.
func (r row) text(topic fakeregistry.Topic) string {
	evidence := r.profile.Evidence(topic)
	c, known := r.cell(topic)
	if !known {
		return map[fakeregistry.Evidence]string{fakeregistry.Unverified: "?", fakeregistry.NoSuch: "—"}[evidence]
	}
	text := "yes"
	switch topic {
	case fakeregistry.TopicMissing, fakeregistry.TopicMissingTag:
		text = "allowed"
	case fakeregistry.TopicThrottled:
		text = "waits, retries"
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

// writeNotes writes the claims about one registry and the hints of the errors that regret returns.
func writeNotes(t *testing.T, b *strings.Builder, r row) {
	t.Helper()
	p := r.profile
	fmt.Fprintf(b, "\n### %s\n\nExamined: %s.\n\n", p.Name, p.Version)
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
		fmt.Fprintf(b, "\nHints of the errors:\n\n%s", strings.Join(said, ""))
	}
}

// kindName returns the Go identifier of a kind.
func kindName(kind regret.Kind) string {
	return map[regret.Kind]string{
		regret.ErrNotFound: "ErrNotFound", regret.ErrUnauthorized: "ErrUnauthorized", regret.ErrForbidden: "ErrForbidden",
		regret.ErrDeleteDisabled: "ErrDeleteDisabled", regret.ErrTagDeleteUnsupported: "ErrTagDeleteUnsupported",
		regret.ErrReferenced: "ErrReferenced", regret.ErrStillTagged: "ErrStillTagged", regret.ErrImmutable: "ErrImmutable",
		regret.ErrReadOnly: "ErrReadOnly", regret.ErrRateLimited: "ErrRateLimited",
	}[kind]
}
