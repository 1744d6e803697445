package undo_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// listAt returns the digests in the list of referrers of a subject, in order.
func (f *fixture) listAt(t testing.TB, subject regret.Digest) []regret.Digest {
	t.Helper()
	m, err := newClient(t, fakeregistry.RoundTripper(http.HandlerFunc(f.reg.Serve))).Manifest(t.Context(), repository, companion(subject))
	if err != nil {
		t.Fatal(err)
	}
	return digestsIn(m.Raw)
}

// digestsIn returns the digests in an index, in order; none if it is no index.
func digestsIn(raw []byte) []regret.Digest {
	var index struct {
		Manifests []struct {
			Digest regret.Digest `json:"digest"`
		} `json:"manifests"`
	}
	if json.Unmarshal(raw, &index, jsontext.AllowInvalidUTF8(true)) != nil {
		return nil
	}
	var digests []regret.Digest
	for _, d := range index.Manifests {
		digests = append(digests, d.Digest)
	}
	return digests
}

func TestRestoreJoinsListsOfReferrers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		there func(f *fixture, other regret.Digest) []regret.Digest // the list that is there by now
		want  func(f *fixture, other regret.Digest) []regret.Digest
		is    undo.Status
	}{
		"entries are added to those that are there": {
			func(_ *fixture, other regret.Digest) []regret.Digest { return []regret.Digest{other} },
			func(f *fixture, other regret.Digest) []regret.Digest {
				return []regret.Digest{other, f.referrer.Digest}
			},
			undo.Joined,
		},
		"a list that has all entries stays": {
			func(f *fixture, other regret.Digest) []regret.Digest {
				return []regret.Digest{other, f.referrer.Digest}
			},
			func(f *fixture, other regret.Digest) []regret.Digest {
				return []regret.Digest{other, f.referrer.Digest}
			},
			undo.AlreadyThere,
		},
		"an empty list is replaced": {
			func(*fixture, regret.Digest) []regret.Digest { return nil },
			func(f *fixture, _ regret.Digest) []regret.Digest { return []regret.Digest{f.referrer.Digest} },
			undo.Restored,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			f.reg.PutIndex(repository, []string{"amd64", "arm64"})
			f.reg.PutReferrer(repository, f.index, "application/vnd.example.signature", "signed")
			other := f.reg.PutReferrer(repository, f.index, "application/vnd.example.signature", "signed anew").Digest
			there := f.putList(t, f.index.Digest, test.there(f, other)...)
			dry := resultOf(t, f.restore(t, &undo.RestoreOptions{DryRun: true}), companion(f.index.Digest))
			if len(f.reg.Writes()) > 0 {
				t.Errorf("a dry run sends %v", f.reg.Writes())
			}
			result := resultOf(t, f.restore(t, nil), companion(f.index.Digest))
			if diff := cmp.Diff(dry, result); diff != "" || result.Status != test.is || result.Found != there.Digest {
				t.Errorf("got %v (-dry +real):\n%s", result, diff)
			}
			if diff := cmp.Diff(test.want(f, other), f.listAt(t, f.index.Digest)); diff != "" {
				t.Errorf("the list (-want +got):\n%s", diff)
			}
			again := resultOf(t, f.restore(t, nil), companion(f.index.Digest))
			if again.Status != undo.AlreadyThere {
				t.Errorf("a second time: %v", again)
			}
		})
	}
}

func TestRestoreKeepsWhatAListSays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	f.apply(t, -1)
	other := f.reg.PutReferrer(repository, f.keep, "application/vnd.example", "another")
	there := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","annotations":{"a":"<b>"},"x":[1.50],"manifests":[` +
		`{"annotations":{"z":"1","b":"2"},"digest":"` + string(other.Digest) + `","mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"y":null}]}`
	f.reg.PutManifest(repository, companion(f.index.Digest), "application/vnd.oci.image.index.v1+json", []byte(there))
	if result := resultOf(t, f.restore(t, nil), companion(f.index.Digest)); result.Status != undo.Joined {
		t.Fatal(result)
	}
	m, err := f.client.Manifest(t.Context(), repository, companion(f.index.Digest))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"annotations":{"a":"<b>"}`, `"x":[1.50]`, `"schemaVersion":2`, string(f.referrer.Digest),
		`{"annotations":{"z":"1","b":"2"},"digest":"` + string(other.Digest) + `","mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"y":null}`,
	} {
		if !strings.Contains(string(m.Raw), part) {
			t.Errorf("the list lacks %s:\n%s", part, m.Raw)
		}
	}
}

func TestRestoreLeavesWhatIsNoListAlone(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]func(f *fixture){
		"an image": func(f *fixture) { f.reg.SetTag(repository, companion(f.index.Digest), f.keep.Digest) },
		"an index without entries": func(f *fixture) {
			f.reg.PutManifest(repository, companion(f.index.Digest), ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":{}}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			there(f)
			found, _ := f.reg.Tag(repository, companion(f.index.Digest))
			result := resultOf(t, f.restore(t, nil), companion(f.index.Digest))
			if result.Status != undo.Elsewhere || result.Found != found {
				t.Errorf("got %v", result)
			}
			result = resultOf(t, f.restore(t, &undo.RestoreOptions{Move: true}), companion(f.index.Digest))
			if got, _ := f.reg.Tag(repository, companion(f.index.Digest)); result.Status != undo.Moved || got != f.list.Digest {
				t.Errorf("with Move it points to %s: %v", got, result)
			}
		})
	}
}

// TestCompanionsWithASuffixAreNoLists: cosign's signatures are images, of which a later one
// may have more layers. Joining them is not possible.
func TestCompanionsWithASuffixAreNoLists(t *testing.T) {
	t.Parallel()
	f := &fixture{reg: fakeregistry.New(fakeregistry.WithoutReferrersAPI()), store: newMemory()}
	f.image = f.reg.PutImage(repository, "image", "pr-1")
	tag := companion(f.image.Digest) + ".sig"
	signature := f.reg.PutImage(repository, "signature", tag)
	f.client = newClient(t, f.reg)
	f.plan = makePlan(t, f.reg, removeAll)
	f.archive(t)
	f.apply(t, -1)
	later := f.reg.PutImage(repository, "later signature", tag)
	result := resultOf(t, f.restore(t, nil), tag)
	if got, _ := f.reg.Tag(repository, tag); result.Status != undo.Elsewhere || got != later.Digest || result.Found != later.Digest {
		t.Errorf("it points to %s: %v", got, result)
	}
	if !f.reg.HasManifest(repository, signature.Digest) {
		t.Error("the signature is not there under its digest")
	}
}
