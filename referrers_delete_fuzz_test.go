package regret_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// FuzzReferrersList puts arbitrary content under the fallback tag. If DeleteReferrer pushes a new list, only the
// entries of the deleted digest are missing from it.
func FuzzReferrersList(f *testing.F) {
	sample := fakeregistry.New()
	subject := sample.PutImage(repo, "hello", "v1")
	referrer := sample.PutReferrer(repo, subject, "a/b", "x").Digest
	tag := "sha256-" + subject.Digest.Encoded()
	for _, seed := range []string{
		`{"schemaVersion":2,"manifests":[{"digest":"` + string(referrer) + `"},{"digest":"sha256:x","y":1.50}],"z":[1e3]}`,
		`{"manifests":null}`, `{"manifests":[]}`, `{"manifests":{}}`, `{}`, `[]`, `{"manifests":[null,{"digest":"` + string(referrer) + `"}]}`,
		`{"Manifests":[{"digest":"` + string(referrer) + `"}]}`, `{"manifests":[{"DIGEST":"` + string(referrer) + `"}],"annotations":{"<":"&"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		reg := fakeregistry.New(fakeregistry.WithoutReferrersAPI())
		reg.PutReferrer(repo, subject, "a/b", "x")
		reg.PutManifest(repo, tag, ocispec.MediaTypeImageIndex, list)
		var pushed []byte
		reg.Intercept(0, fakeregistry.On("PUT", "/"), func(w http.ResponseWriter, req *http.Request) bool {
			body, err := io.ReadAll(req.Body)
			if err == nil && pushed == nil {
				pushed = body // a further list is without the entries of manifests that are not found
			}
			reg.PutManifest(repo, tag, ocispec.MediaTypeImageIndex, body)
			return fakeregistry.Answer(http.StatusCreated, nil, "")(w, req)
		})
		err := newClient(t, reg).DeleteReferrer(t.Context(), repo, subject.Digest, referrer)
		if pushed == nil {
			return
		}
		if err != nil {
			t.Fatalf("a new list was pushed for %s, but the error is %v", list, err)
		}
		before, after := entries(t, list), entries(t, pushed)
		var want []any
		for _, entry := range before {
			if digestOf(t, entry) != referrer {
				want = append(want, entry)
			}
		}
		if diff := cmp.Diff(want, after); diff != "" || len(before) == len(after) {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
	})
}

// entries returns the manifests of a list of referrers.
func entries(t *testing.T, list []byte) []any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(list, &doc); err != nil {
		t.Fatalf("the list %s is not JSON: %v", list, err)
	}
	found, ok := doc["manifests"].([]any)
	if !ok || len(found) == 0 {
		return nil
	}
	return found
}

// digestOf returns the digest of an entry.
func digestOf(t *testing.T, entry any) regret.Digest {
	t.Helper()
	raw, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	var d regret.Descriptor
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d.Digest
}
