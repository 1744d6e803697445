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

// respondingWith returns a registry that responds to every GET with this content and allows no
// HEAD.
func respondingWith(contentType, body string) *fakeregistry.Registry {
	reg := fakeregistry.New(fakeregistry.WithHeadStatus(http.StatusMethodNotAllowed))
	reg.Intercept(0, fakeregistry.On("GET", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
		w.Header()["Content-Type"] = nil // so that net/http does not detect one
		header := map[string]string{}
		if contentType != "" {
			header["Content-Type"] = contentType
		}
		return fakeregistry.Answer(200, header, body)(w, req)
	})
	return reg
}

// The tests of internal/manifest cover the rules for the media type.
func TestManifestDeterminesTheMediaType(t *testing.T) {
	t.Parallel()
	typed := func(mediaType, members string) string {
		return `{"schemaVersion":2,"mediaType":"` + mediaType + `",` + members + `}`
	}
	const old = `{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}`
	for _, test := range []struct {
		rule, contentType, body string
		want, says              string // the media type, or a part of the error
	}{
		{"Content-Type determines the type", dockerImage + "; charset=utf-8", typed(dockerImage, `"layers":[]`), dockerImage, ""},
		{"the member mediaType determines the type if Content-Type is JSON", "application/json", typed(dockerList, `"manifests":[]`), dockerList, ""},
		{"the structure determines the type if there is no Content-Type", "", old, schema1, ""},
		{"an index with the Content-Type of an image is an error", ociImage, `{"schemaVersion":2,"manifests":[]}`, "", "form of its type"},
		{"a schema1 manifest with broken signatures is an error", schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":[{}]}`, "", "signature 1"},
		{"an HTML page is an error", "text/html; charset=utf-8", "<!DOCTYPE html><title>Login</title>", "", `"text/html`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			m, err := newClient(t, respondingWith(test.contentType, test.body)).Manifest(t.Context(), repo, "v1")
			if test.says != "" {
				wantErr(t, err, regret.ErrNotRegistry)
				wantText(t, err, test.says)
				return
			}
			wantErr(t, err)
			if m.Descriptor.MediaType != test.want {
				t.Errorf("media type %q, want %q", m.Descriptor.MediaType, test.want)
			}
		})
	}
}

func TestManifestRequiresStatus200(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 202, 203, 204, 206} {
		t.Run(http.StatusText(status)+" is an error", func(t *testing.T) {
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
				t.Errorf("unexpected writes: %v", writes)
			}
		})
	}
}
