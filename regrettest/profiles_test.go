package regrettest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/regrettest"
)

func TestLookupProfile(t *testing.T) {
	t.Parallel()
	t.Run("finds every profile by its name", func(t *testing.T) {
		t.Parallel()
		for _, want := range regrettest.Profiles() {
			got, err := regrettest.LookupProfile(want.Name)
			if err != nil || got.Title != want.Title || got.Title == "" || got.Version == "" {
				t.Errorf("%s: %v, %v", want.Name, got, err)
			}
		}
	})
	t.Run("names all profiles in the error for another name", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"", "Harbor", "harbour"} {
			got, err := regrettest.LookupProfile(name)
			if !errors.Is(err, regrettest.ErrUnknownProfile) || got.Name != "" {
				t.Errorf("%q: %v, %v", name, got, err)
			}
			for _, p := range regrettest.Profiles() {
				if !strings.Contains(err.Error(), p.Name) {
					t.Errorf("%q: the error does not name %s: %v", name, p.Name, err)
				}
			}
		}
	})
	t.Run("has a name for one profile only", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{}
		for _, p := range regrettest.Profiles() {
			if seen[p.Name] || p.Name == "" {
				t.Errorf("the name %q is there twice, or empty", p.Name)
			}
			seen[p.Name] = true
		}
	})
	t.Run("returns profiles that callers may change", func(t *testing.T) {
		t.Parallel()
		first := profile(t, "harbor")
		first.Differences[0].Text, first.Collectors[0] = "changed", "changed"
		if second := profile(t, "harbor"); second.Differences[0].Text == "changed" || second.Collectors[0] == "changed" {
			t.Error("a change of one profile is seen in another")
		}
	})
}

func TestProfilesAreThoseOfTheFakeRegistry(t *testing.T) {
	t.Parallel()
	want, got := []string{"the specification"}, []string{}
	for _, p := range fakeregistry.Profiles() {
		want = append(want, p.Name)
	}
	for _, p := range regrettest.Profiles() {
		got = append(got, p.Title)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The evidence of a difference is not better than that of all statements about the registry.
func TestDifferencesHaveTheEvidenceOfTheFakeRegistry(t *testing.T) {
	t.Parallel()
	kinds := map[string]fakeregistry.Evidence{
		"measured": fakeregistry.Measured, "read in its source": fakeregistry.ReadSource,
		"documented": fakeregistry.Documented, "reported by users": fakeregistry.Reported,
	}
	for i, p := range fakeregistry.Profiles() {
		for _, d := range regrettest.Profiles()[i+1].Differences {
			kind, known := kinds[d.Evidence]
			if !known && d.Evidence != "assumed" {
				t.Errorf("%s: unknown evidence %q", p.Name, d.Evidence)
			}
			if known && !slices.ContainsFunc(p.Claims, func(c fakeregistry.Claim) bool { return c.Evidence == kind }) &&
				!slices.ContainsFunc(p.Claims, func(c fakeregistry.Claim) bool {
					return c.Evidence == fakeregistry.Unverified && strings.Contains(c.Says, "documented")
				}) {
				t.Errorf("%s: %s: nothing about it is %s", p.Name, d.Text, d.Evidence)
			}
		}
	}
}

// connector returns a client of a new registry with the profile under test.
type connector func(opts ...regrettest.Option) *client

// Each difference is checked, and a registry with the profile of the specification fails each check:
// so it is a difference.
func TestProfilesDifferAsTheySay(t *testing.T) {
	t.Parallel()
	all := differenceChecks()
	for _, p := range regrettest.Profiles() {
		checks := all[p.Name]
		if len(checks) != len(p.Differences) {
			t.Errorf("%s has %d differences and %d checks", p.Name, len(p.Differences), len(checks))
			continue
		}
		for i, d := range p.Differences {
			t.Run(p.Name+"/"+d.Text, func(t *testing.T) {
				t.Parallel()
				if err := checks[i](connectorFor(t, p)); err != nil {
					t.Error(err)
				}
				if err := checks[i](connectorFor(t, profile(t, "spec"))); err == nil {
					t.Error("the same is true without the profile")
				}
			})
		}
	}
}

func connectorFor(t *testing.T, p regrettest.Profile) connector {
	return func(opts ...regrettest.Option) *client {
		return connect(t, append(opts, regrettest.WithProfile(p))...)
	}
}

// status returns an error unless a response has a status code and, if code is not empty, this code in
// its error document.
func (r response) status(status int, code string) error {
	if r.StatusCode != status || code != "" && !strings.Contains(r.body, `"`+code+`"`) {
		return fmt.Errorf("%s %s: %d %s, want %d %s", r.Request.Method, r.Request.URL, r.StatusCode, r.body, status, code)
	}
	return nil
}

// expect returns an error unless what was observed is as wanted.
func expect(what string, got, want any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return nil
}
