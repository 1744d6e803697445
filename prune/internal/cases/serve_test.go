package cases_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// collect returns the values of a sequence before its error, and the error.
func collect[T any](sequence iter.Seq2[T, error]) ([]T, error) {
	all := []T{}
	for value, err := range sequence {
		if err != nil {
			return all, err
		}
		all = append(all, value)
	}
	return all, nil
}

func TestEveryCaseIsServedAsItIs(t *testing.T) {
	t.Parallel()
	for _, c := range load(t) {
		if !c.Faults.IsZero() {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			wantServed(t, c, newClient(t, c.Serve()), c.Repository)
		})
	}
}

// wantServed checks that a registry has exactly the tags of a case, all its manifests and blobs,
// and their referrers.
func wantServed(t *testing.T, c *cases.Case, client *regret.Client, repository string) {
	t.Helper()
	ctx := t.Context()
	wantTags := []string{}
	for _, m := range c.Manifests {
		content := c.Content(m.ID)
		if m.Missing {
			if _, err := client.Resolve(ctx, repository, c.Digest(m.ID).String()); !errors.Is(err, regret.ErrNotFound) {
				t.Errorf("missing manifest %s: %v", m.ID, err)
			}
			continue
		}
		wantTags = append(wantTags, m.Tags...)
		for _, reference := range append([]string{c.Digest(m.ID).String()}, m.Tags...) {
			got, err := client.Manifest(ctx, repository, reference)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(content.Manifest, *got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", reference, diff)
			}
		}
		blobs := slices.Clone(content.Layers)
		if content.Config != nil {
			blobs = append(blobs, *content.Config)
		}
		for _, blob := range blobs {
			if got, err := client.Blob(ctx, repository, blob.Descriptor.Digest, 1<<20); string(got) != string(blob.Data) {
				t.Errorf("%s: got %q, %v", blob.Name, got, err)
			}
		}
		wantReferrers(t, c, client, repository, m.ID)
	}
	if len(c.Manifests) == 0 && c.Listing == cases.ListingOCI {
		return // a real registry does not know the repository
	}
	got, err := collect(client.Tags(ctx, repository))
	slices.Sort(got)
	slices.Sort(wantTags)
	if diff := cmp.Diff(wantTags, got); diff != "" || err != nil {
		t.Errorf("tags (-want +got): %v\n%s", err, diff)
	}
}

// wantReferrers checks that a manifest has the referrers that the case gives it.
func wantReferrers(t *testing.T, c *cases.Case, client *regret.Client, repository, id string) {
	t.Helper()
	want := []string{}
	for _, m := range c.Manifests {
		switch {
		case m.Missing:
		case c.Referrers == cases.ReferrersAPI && m.Subject == id:
			want = append(want, m.ID)
		case c.Referrers == cases.ReferrersFallback && slices.Contains(m.Tags, "sha256-"+c.Digest(id).Encoded()):
			want = append(want, m.Lists...)
		}
	}
	referrers, err := collect(client.Referrers(t.Context(), repository, c.Digest(id)))
	got := []string{}
	for _, desc := range referrers {
		got = append(got, c.IDOf(desc.Digest))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("referrers of %s (-want +got): %v\n%s", id, err, diff)
	}
}

func TestARepositoryWithoutManifestsListsNull(t *testing.T) {
	t.Parallel()
	for _, listing := range []string{"oci", "google", "lister"} {
		c := parse(t, `"listing":"`+listing+`","referrers":"api","expect":{},"manifests":[]`)
		if tags, err := collect(newClient(t, c.Serve()).Tags(t.Context(), c.Repository)); len(tags) > 0 || err != nil {
			t.Errorf("%s: tags %q, %v", listing, tags, err)
		}
	}
}

func TestGoogleListsEveryManifest(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"google","referrers":"api","expect":{},"manifests":[
		{"id":"X","kind":"index","children":["p"],"tags":["v1","v2"],"uploaded":"2026-11-25T12:00:00.005Z"},
		{"id":"p","kind":"image","created":{"config":"2026-11-01T00:00:00Z"}},
		{"id":"gone","kind":"image","missing":true,"uploaded":"2026-11-25T12:00:00Z"}]`)
	entries, err := collect(newClient(t, c.Serve()).List(t.Context(), c.Repository))
	if err != nil {
		t.Fatal(err)
	}
	type times struct {
		Tags              []string
		Created, Uploaded time.Time
	}
	got := map[string]times{}
	for _, e := range entries {
		if e.Descriptor.Digest != "" {
			got[c.IDOf(e.Descriptor.Digest)] = times{e.Tags, e.Created, e.Uploaded.UTC()}
		}
	}
	want := map[string]times{
		"X": {Tags: []string{"v1", "v2"}, Uploaded: time.Date(2026, 11, 25, 12, 0, 0, 5e6, time.UTC)},
		"p": {},
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("length", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
}

func TestPagesHaveTheSizeOfTheCase(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","expect":{},"page-size":2,"manifests":[{"id":"A","kind":"image","tags":["a","b","c","d","e"]}]`)
	reg := c.Serve()
	tags, err := collect(newClient(t, reg).Tags(t.Context(), c.Repository))
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, tags); diff != "" || err != nil {
		t.Errorf("tags (-want +got): %v\n%s", err, diff)
	}
	if got := len(reg.Requests()); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
}

func TestTheListShowsWhatWasDeleted(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","expect":{},"manifests":[{"id":"A","kind":"image","tags":["a"]},{"id":"B","kind":"image","tags":["b"]}]`)
	client := newClient(t, c.Serve())
	if err := client.DeleteManifest(t.Context(), c.Repository, c.Digest("A")); err != nil {
		t.Fatal(err)
	}
	if tags, err := collect(client.Tags(t.Context(), c.Repository)); !slices.Equal(tags, []string{"b"}) || err != nil {
		t.Errorf("tags %q, %v", tags, err)
	}
}

func TestFaultsAreServed(t *testing.T) {
	t.Parallel()
	const manifests = `"referrers":"api","expect":{},"manifests":[{"id":"A","kind":"image","tags":["a1","a2"]},{"id":"B","kind":"image","tags":["b"]}],`
	reads := func(client *regret.Client, c *cases.Case, references ...string) (errs []error) {
		for _, reference := range references {
			_, err := client.Resolve(context.Background(), c.Repository, reference)
			errs = append(errs, err)
			_, err = client.Manifest(context.Background(), c.Repository, reference)
			errs = append(errs, err)
		}
		return errs
	}
	for name, test := range map[string]struct {
		faults string
		check  func(t *testing.T, c *cases.Case, client *regret.Client)
	}{
		"a manifest that is gone is listed and 404": {`"gone":["A"]`, func(t *testing.T, c *cases.Case, client *regret.Client) {
			for range 2 {
				wantList(t, c, client, []string{"a1", "a2", "b"}, nil)
			}
			for _, err := range reads(client, c, "a1", "a2", c.Digest("A").String()) {
				if !errors.Is(err, regret.ErrNotFound) {
					t.Errorf("error %v, want one of a manifest that is not found", err)
				}
			}
			if errs := reads(client, c, "b"); errs[0] != nil || errs[1] != nil {
				t.Error(errs)
			}
		}},
		"a manifest that vanished is listed once": {`"vanished":["A"]`, func(t *testing.T, c *cases.Case, client *regret.Client) {
			wantList(t, c, client, []string{"a1", "a2", "b"}, nil)
			wantList(t, c, client, []string{"b"}, nil)
			for _, err := range reads(client, c, "a1", c.Digest("A").String()) {
				if !errors.Is(err, regret.ErrNotFound) {
					t.Errorf("error %v, want one of a manifest that is not found", err)
				}
			}
		}},
		"the body of an unparsable manifest is no manifest": {`"unparsable":["A"]`, func(t *testing.T, c *cases.Case, client *regret.Client) {
			body := digest.FromString(`{"schemaVersion":2,`)
			want := regret.Descriptor{MediaType: c.Content("A").Manifest.Descriptor.MediaType, Digest: body, Size: 19}
			for _, reference := range []string{"a1", "a2", body.String()} {
				if got, err := client.Resolve(t.Context(), c.Repository, reference); got.Digest != want.Digest || got.MediaType != want.MediaType || got.Size != want.Size || err != nil {
					t.Errorf("%s: got %v, %v, want %v", reference, got, err, want)
				}
				if _, err := client.Manifest(t.Context(), c.Repository, reference); !errors.Is(err, regret.ErrNotRegistry) {
					t.Errorf("%s: error %v, want one of a body that is no manifest", reference, err)
				}
			}
			if _, err := client.Manifest(t.Context(), c.Repository, c.Digest("A").String()); !errors.Is(err, regret.ErrDigestMismatch) {
				t.Errorf("error %v, want one of another digest", err)
			}
		}},
		"entries that are no tags are listed": {`"entries":["","not a tag","b"],"digest-entries":["A"]`, func(t *testing.T, c *cases.Case, client *regret.Client) {
			wantList(t, c, client, []string{"a1", "a2", "b", "b"}, regret.ErrInvalidEntries)
			entries, _ := collect(client.List(t.Context(), c.Repository))
			if !slices.ContainsFunc(entries, func(e regret.ListEntry) bool { return e.Descriptor.Digest == c.Digest("A") }) {
				t.Error("the digest is not listed")
			}
		}},
		"a truncated list ends with an error": {`"list":"truncated"},"page-size":2,"files":{`, func(t *testing.T, c *cases.Case, client *regret.Client) {
			wantList(t, c, client, []string{"a1", "a2"}, regret.ErrIncompleteList)
		}},
		"a truncated list of one page is an error": {`"list":"truncated"`, func(t *testing.T, c *cases.Case, client *regret.Client) {
			wantList(t, c, client, []string{}, regret.ErrUnavailable)
		}},
		"the referrers api fails": {`"referrers":403`, func(t *testing.T, c *cases.Case, client *regret.Client) {
			if _, err := collect(client.Referrers(t.Context(), c.Repository, c.Digest("A"))); !errors.Is(err, regret.ErrForbidden) {
				t.Errorf("error %v, want one of a forbidden request", err)
			}
		}},
	} {
		for _, listing := range []string{"oci", "google"} {
			t.Run(name+", "+listing, func(t *testing.T) {
				t.Parallel()
				if listing == "google" && strings.Contains(test.faults, "page-size") {
					listing = "lister" // Google sends one page
				}
				c := parse(t, manifests+`"listing":"`+listing+`","faults":{`+test.faults+`}`)
				test.check(t, c, newClient(t, c.Serve()))
			})
		}
	}
}

// wantList checks the tags that a client lists, and the error at the end.
func wantList(t *testing.T, c *cases.Case, client *regret.Client, want []string, target error) {
	t.Helper()
	got, err := collect(client.Tags(t.Context(), c.Repository))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}
