package regret_test

import (
	"net/http"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const (
	ociImage    = ocispec.MediaTypeImageManifest
	ociIndex    = ocispec.MediaTypeImageIndex
	dockerImage = regret.MediaTypeDockerManifest
	dockerList  = regret.MediaTypeDockerManifestList
	schema1     = regret.MediaTypeDockerSchema1
	schema1JWS  = regret.MediaTypeDockerSchema1JWS
)

// answering is a registry that answers every GET with this, and no HEAD.
func answering(contentType, body string) *fakeregistry.Registry {
	reg := fakeregistry.New(fakeregistry.WithHeadStatus(http.StatusMethodNotAllowed))
	reg.Intercept(0, fakeregistry.On("GET", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
		w.Header()["Content-Type"] = nil // that none is made up
		header := map[string]string{}
		if contentType != "" {
			header["Content-Type"] = contentType
		}
		return fakeregistry.Answer(200, header, body)(w, req)
	})
	return reg
}

// How the type is determined is tested in internal/manifest.
func TestTheTypeOfAManifest(t *testing.T) {
	t.Parallel()
	typed := func(mediaType, members string) string {
		return `{"schemaVersion":2,"mediaType":"` + mediaType + `",` + members + `}`
	}
	const old = `{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}`
	for _, test := range []struct {
		rule, contentType, body string
		want, says              string // the type, or what the error says
	}{
		{"Content-Type tells", dockerImage + "; charset=utf-8", typed(dockerImage, `"layers":[]`), dockerImage, ""},
		{"the manifest tells where Content-Type is JSON", "application/json", typed(dockerList, `"manifests":[]`), dockerList, ""},
		{"the form tells where there is no Content-Type", "", old, schema1, ""},
		{"an index with the Content-Type of an image is an error", ociImage, `{"schemaVersion":2,"manifests":[]}`, "", "form of its type"},
		{"a schema1 manifest with broken signatures is an error", schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":[{}]}`, "", "signature 1"},
		{"a page of HTML is an error", "text/html; charset=utf-8", "<!DOCTYPE html><title>Login</title>", "", `"text/html`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			m, err := newClient(t, answering(test.contentType, test.body)).Manifest(t.Context(), repo, "v1")
			if test.says != "" {
				wantErr(t, err, regret.ErrNotRegistry)
				wantText(t, err, test.says)
				return
			}
			wantErr(t, err)
			if m.Descriptor.MediaType != test.want {
				t.Errorf("the type is %q, want %q", m.Descriptor.MediaType, test.want)
			}
		})
	}
}

func TestOnly200AnswersAPull(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 202, 203, 204, 206} {
		t.Run(http.StatusText(status)+" does not", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			dgst := reg.PutImage(repo, "hello", "v1").Digest
			reg.Intercept(0, fakeregistry.On("", "/v2/"), fakeregistry.Answer(status,
				map[string]string{"Content-Type": ociImage, "Docker-Content-Digest": string(dgst)}, ""))
			c := newClient(t, reg)
			_, err := c.Resolve(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrNotRegistry)
			wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), regret.ErrNotRegistry)
			if writes := reg.Writes(); len(writes) > 0 {
				t.Errorf("there were writes: %v", writes)
			}
		})
	}
}
