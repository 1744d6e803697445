package undo_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestCollectorsAreThoseOfThePage compares what is known with the table in docs/undo.md.
func TestCollectorsAreThoseOfThePage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/undo.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "## Until when\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var want []string
	for _, c := range undo.Collectors() {
		if c.Evidence != "" {
			want = append(want, fmt.Sprintf("%s | %s | %s", c.Product, c.Until, c.Evidence))
		}
	}
	want = append(want, "others | "+undo.CollectorAt("registry.example.com").Until+" |")
	var got []string
	for line := range strings.Lines(section) {
		if row, ok := strings.CutPrefix(line, "| "); ok && !strings.HasPrefix(row, "registry |") {
			row = strings.Replace(strings.TrimSpace(row), "distribution, 2.8 and 3 ", "distribution ", 1)
			got = append(got, strings.TrimSuffix(row, " |"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/undo.md (-code +page):\n%s", diff)
	}
}

// TestCollectorsHaveTheEvidenceOfTheRegistries compares it with what the imitations of the
// registries rest on.
func TestCollectorsHaveTheEvidenceOfTheRegistries(t *testing.T) {
	t.Parallel()
	known := make(map[string]undo.Collector)
	for _, c := range undo.Collectors() {
		known[c.Product] = c
	}
	for _, p := range fakeregistry.Profiles() {
		var evidence []string
		for _, claim := range p.Claims {
			if claim.Topic == fakeregistry.TopicGarbage {
				evidence = append(evidence, string(claim.Evidence))
			}
		}
		name, _, _ := strings.Cut(p.Name, " ")
		c, ok := known[p.Name]
		if !ok && name == "distribution" {
			c, ok = known[name]
		}
		switch {
		case len(evidence) > 0 && (!ok || c.Evidence == ""):
			t.Errorf("%s: how it collects garbage is known, and not here", p.Name)
		case ok && c.Evidence != "" && !slices.Contains(evidence, c.Evidence):
			t.Errorf("%s: it is said with evidence %s, and there is %v", p.Name, c.Evidence, evidence)
		case ok && c.Evidence == "" && len(evidence) > 0:
			t.Errorf("%s: more is known: %v", p.Name, evidence)
		}
	}
	for product := range known {
		if !slices.ContainsFunc(fakeregistry.Profiles(), func(p fakeregistry.Profile) bool { return strings.HasPrefix(p.Name, product) }) {
			t.Errorf("there is no registry %s", product)
		}
	}
}

func TestCollectorAt(t *testing.T) {
	t.Parallel()
	for _, p := range fakeregistry.Profiles() {
		if name, _, _ := strings.Cut(p.Name, " (2023)"); p.Host != "" && undo.CollectorAt(p.Host).Product != name {
			t.Errorf("%s is not recognised by its name %s", p.Name, p.Host)
		}
	}
	for registry, want := range map[string]string{
		"https://index.docker.io":             "Docker Hub",
		"registry-1.docker.io":                "Docker Hub",
		"GHCR.io":                             "GitHub (GHCR)",
		"eu.gcr.io":                           "Google (GAR, GCR)",
		"http://localhost:5000":               "",
		"zot.example.com":                     "", // a name is no evidence
		"ec2-1-2-3-4.compute-1.amazonaws.com": "",
		"ghcr.io.example.com":                 "",
		"azurecr.io":                          "",
		"-docker.pkg.dev.example.com":         "",
		"":                                    "",
	} {
		c := undo.CollectorAt(registry)
		if c.Product != want || c.Evidence != "" || c.Until == "" {
			t.Errorf("%q: %+v", registry, c)
		}
	}
}

// What can be said about undoing a deletion depends on the product, which the name of a registry
// rarely tells.
func ExampleCollectors() {
	fmt.Println(undo.CollectorAt("registry.example.com").Until)
	for _, c := range undo.Collectors() {
		if c.Product == "Gitea" {
			fmt.Printf("if it is %s: %s (%s)\n", c.Product, c.Until, c.Evidence)
		}
	}
	// Output:
	// not known; ask the operator
	// if it is Gitea: not at all: layers go at once with the last manifest that needs them (R)
}
