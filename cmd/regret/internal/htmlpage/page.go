// Package htmlpage renders a plan as one HTML page for a review.
//
// It knows plans, and nothing of registries, files and terminals.
//
// Invariants:
//   - The page is one file. It requests nothing from anywhere, and its content security policy
//     allows nothing but its own style and script.
//   - Nothing in a plan is ever markup. Characters that are not printable, those that change the
//     direction of text included, are shown as escape sequences.
//   - Every step of the plan is on the page, and so is everything that the plan says stays.
//   - The same plan makes the same bytes.
package htmlpage

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// Write writes a plan as an HTML page.
//
// It streams: beside the plan it needs an index of the manifests, and memory for one image with
// what belongs to it.
//
// Errors: those of w.
func Write(w io.Writer, p *plan.Plan) error {
	t, err := template.New("page").Funcs(template.FuncMap{"count": count, "counted": counted, "plural": plural}).Parse(unix(pageTemplate))
	if err != nil {
		return fmt.Errorf("the template of the page: %w", err)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := t.Execute(out, newPage(p)); err != nil {
		return err
	}
	return out.Flush()
}

// A page is the data of the template.
type page struct {
	Style, Script        template.HTML // with their tags, because the policy holds the digest of each byte
	CSP                  string
	Registry, Repository string
	At                   string
	Digest, TagsDigest   regret.Digest // of the plan, and of the tags that it was made from
	Totals               plan.Totals
	Others               int // manifests that go and are no part of an image
	Tags                 int // that go with what goes
	Untagged             int // tags that come off what stays
	Frees, FreesUnit     string
	Bar                  *bar
	Notes                []note
	Rules                []ruleLine
	InUse                []inUseLine
	Policy               []string // lines
	Verdicts             []verdictCount
	Sections             []section
}

// A bar shows the share of images that go, in thousandths of its width.
type bar struct{ Keep, Remove int }

// A ruleLine is a rule. Its number is what rows call it.
type ruleLine struct {
	Name                     string
	Keep                     bool
	Number, Matched, Decided int
}

type inUseLine struct{ Name, Made, Expires string }

// A verdictCount says how many rows have a verdict.
type verdictCount struct {
	Verdict string
	Count   int
}

func newPage(p *plan.Plan) *page {
	o := newOutline(p)
	style, script := "\n"+unix(pageStyle), "\n"+unix(pageScript)
	h, totals := o.header, p.Totals()
	pg := &page{
		Style:    template.HTML("<style>" + style + "</style>"),
		Script:   template.HTML("<script>" + script + "</script>"),
		CSP:      "default-src 'none'; style-src " + source(style) + "; script-src " + source(script) + "; base-uri 'none'; form-action 'none'",
		Registry: visible(h.Registry, maxName), Repository: visible(h.Repository, maxProse), At: instant(h.At),
		Digest: p.Digest(), TagsDigest: h.Tags, Totals: totals, Others: o.others(), Untagged: o.untaggedTags(), Bar: newBar(totals),
		Notes: o.notes(totals), Policy: policyLines(h), Sections: o.sections(),
	}
	pg.Tags = totals.Tags - pg.Untagged
	pg.Frees, pg.FreesUnit, _ = strings.Cut(size(totals.Bytes), " ")
	for i, r := range h.Rules {
		pg.Rules = append(pg.Rules, ruleLine{visible(r.Rule, maxName), r.Keep, i, r.Matched, r.Decided})
	}
	for _, l := range h.InUse {
		pg.InUse = append(pg.InUse, inUseLine{visible(l.Name, maxName), instant(l.Made), instant(l.Expires)})
	}
	for _, verdict := range []string{"remove", "untag", "keep"} {
		if n := rowsWith(pg.Sections, verdict); n > 0 {
			pg.Verdicts = append(pg.Verdicts, verdictCount{verdict, n})
		}
	}
	return pg
}

// newBar returns the bar of totals, or nil. Whatever goes is visible.
func newBar(totals plan.Totals) *bar {
	if totals.Images == 0 {
		return nil
	}
	remove := totals.Removed * 1000 / totals.Images
	if totals.Removed > 0 {
		remove = max(remove, 4)
	}
	return &bar{1000 - remove, remove}
}

// source names a text in a content security policy.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// unix undoes what a checkout on Windows may do to embedded files. A browser does the same before
// it computes a digest, and the page is the same wherever the command was built.
func unix(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func instant(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }
