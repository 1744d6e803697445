package prune_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// docsTime is the time of all examples, on the page and in the package.
var docsTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// docsCase returns a repository that is written as people read it: a row for each manifest,
// with its tags, its age, and what else there is to say, two blanks apart:
//
//	1.4.2 latest      3 d                 an image of that age with two tags
//	nightly-1         2026-11-25 23:30    the age as a time, in UTC
//	pr-1              ?                   a date that cannot be true
//	-                 9 d                 no tag
//	1.4.1             20 d   linux/amd64, linux/arm64 of 1.4.0, attestation
//	                                      an index; it shares a child with another
//	-                 2 d    signature of 1.4.1
//	sbom              2 d    refers to 1.4.1
//	pr-2              90 d   uploaded 1 d ago, pulled 2 h ago
//	pr-3              90 d   uploaded 9 d ago, never pulled
//	ghost             -      nothing there
//
// Lists are in-use lists by name, one hour old.
func docsCase(doc, rows string, lists map[string]string) (*cases.Case, error) {
	r := docsRepository{ids: map[string]string{}}
	for row := range strings.Lines(rows) {
		if columns := regexp.MustCompile(`\s{2,}`).Split(strings.TrimSpace(row), -1); columns[0] != "" {
			r.rows = append(r.rows, append(columns, "", "")[:3])
		}
	}
	for i, row := range r.rows {
		id := r.id(i)
		for _, tag := range strings.Fields(row[0]) {
			r.ids[tag] = id
		}
	}
	for i, row := range r.rows {
		if err := r.add(r.id(i), row[0], row[1], row[2]); err != nil {
			return nil, fmt.Errorf("%q: %w", strings.Join(row, "  "), err)
		}
	}
	files := map[string]any{}
	for name, content := range lists {
		files[name] = map[string]any{"content": content, "modified": docsTime.Add(-time.Hour)}
	}
	listing := cases.ListingOCI
	if r.listed {
		listing = cases.ListingLister
	}
	line, err := json.Marshal(map[string]any{
		"id": "docs", "kinds": []string{"docs"}, "now": docsTime, "listing": listing, "referrers": cases.ReferrersAPI,
		"manifests": r.manifests, "policy-text": doc, "files": files, "faults": map[string]any{"gone": r.gone},
	})
	if err != nil {
		return nil, err
	}
	all, err := cases.Parse(line)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

type docsRepository struct {
	rows      [][]string
	ids       map[string]string // by tag
	manifests []map[string]any
	gone      []string
	listed    bool // a native API lists it
}

// id returns the first tag of a row.
func (r *docsRepository) id(row int) string {
	if tag, _, _ := strings.Cut(r.rows[row][0], " "); tag != "-" {
		return tag
	}
	return fmt.Sprintf("row %d", row+1)
}

func (r *docsRepository) add(id, tags, age, facts string) error {
	made, err := docsDate(age)
	if err != nil {
		return err
	}
	m := map[string]any{"id": id, "kind": cases.KindImage, "tags": []string{}, "created": map[string]any{"config": made}}
	if tags != "-" {
		m["tags"] = strings.Fields(tags)
	}
	for _, fact := range strings.Split(facts, ", ") {
		if err := r.addFact(m, fact, made); err != nil {
			return err
		}
	}
	r.manifests = append(r.manifests, m)
	return nil
}

func (r *docsRepository) addFact(m map[string]any, fact, made string) error {
	id := m["id"].(string)
	what, of, _ := strings.Cut(fact, " of ")
	switch {
	case fact == "":
	case fact == "nothing there":
		r.gone = append(r.gone, id)
	case what == "signature":
		m["kind"], m["tags"] = cases.KindCosign, append(m["tags"].([]string), "sha256-{"+r.known(of)+"}.sig")
	case strings.HasPrefix(fact, "refers to "):
		m["kind"], m["subject"] = cases.KindReferrer, r.known(strings.TrimPrefix(fact, "refers to "))
	case fact == "never pulled":
		r.listed = true
		m["pulled"] = "never"
	case strings.HasSuffix(fact, " ago"):
		r.listed = true
		key, ago, _ := strings.Cut(strings.TrimSuffix(fact, " ago"), " ")
		at, err := docsDate(ago)
		m[key] = at
		return err
	case strings.Contains(what, "/"), what == "attestation":
		m["kind"] = cases.KindIndex
		r.addChild(m, what, of, made)
	default:
		return fmt.Errorf("no fact is %q", fact)
	}
	return nil
}

// addChild adds a platform, or the attestation of the first platform, to an index.
func (r *docsRepository) addChild(m map[string]any, what, of, made string) {
	children, _ := m["children"].([]string)
	owner := m["id"].(string)
	if of != "" {
		owner = r.ids[of]
	}
	id := owner + " " + what
	if !slices.ContainsFunc(r.manifests, func(m map[string]any) bool { return m["id"] == id }) {
		child := map[string]any{"id": id, "kind": cases.KindImage, "platform": what, "created": map[string]any{"config": made}}
		if what == "attestation" {
			child = map[string]any{"id": id, "kind": cases.KindAttestation, "of": children[0]}
		}
		r.manifests = append(r.manifests, child)
	}
	m["children"] = append(children, id)
}

// known returns the id of the manifest with a tag. What has no row is gone.
func (r *docsRepository) known(tag string) string {
	if id, ok := r.ids[tag]; ok {
		return id
	}
	r.ids[tag] = tag
	r.manifests = append(r.manifests, map[string]any{"id": tag, "kind": cases.KindImage, "missing": true})
	return tag
}

// docsDate returns what images say about a date that is written as an age or a time.
func docsDate(text string) (string, error) {
	if text == "?" || text == "-" {
		return "1970-01-01T00:00:00Z", nil
	}
	if at, err := time.Parse("2006-01-02 15:04", text); err == nil {
		return at.Format(time.RFC3339), nil
	}
	digits, unit, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(digits)
	hours := map[string]int{"h": 1, "d": 24}[unit]
	if err != nil || hours == 0 {
		return "", errors.New("an age is such as 3 d or 5 h, a time such as 2026-11-25 23:30")
	}
	return docsTime.Add(-time.Duration(n*hours) * time.Hour).Format(time.RFC3339), nil
}

// docsDecision reads a case from a registry that serves it, and decides.
func docsDecision(c *cases.Case) (*plan.Decision, error) {
	p, err := policy.Parse(c.PolicyJSON())
	if err != nil {
		return nil, err
	}
	client, err := regret.New(cases.Registry, regret.WithTransport(c.Serve()), regret.WithRetries(regret.Retries{}))
	if err != nil {
		return nil, err
	}
	o := &prune.ReadOptions{At: c.Now}
	for name, file := range c.Files {
		list, err := policy.ParseInUse(name, strings.NewReader(file.Content), file.Modified)
		if err != nil {
			return nil, err
		}
		o.InUse = append(o.InUse, list)
	}
	if lister, ok := c.Lister(); ok {
		o.Lister = lister
	}
	s, err := prune.Read(context.Background(), client, c.Repository, p, o)
	if err != nil {
		return nil, err
	}
	return plan.Decide(p, s, c.Now)
}

// docsVerdicts returns what each rule says about the image with a tag, a rule a line.
func docsVerdicts(d *plan.Decision, tag string) (string, error) {
	for image, verdicts := range d.Images() {
		if !slices.Contains(image.Tags, tag) {
			continue
		}
		var lines []string
		for _, v := range verdicts {
			lines = append(lines, v.Rule+": "+v.Text)
		}
		return strings.Join(lines, "\n"), nil
	}
	return "", fmt.Errorf("no image has the tag %s", tag)
}
