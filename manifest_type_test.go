package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
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

func TestTheTypeOfAManifest(t *testing.T) {
	t.Parallel()
	const (
		image  = `{"schemaVersion":2,"config":{},"layers":[]}`
		index  = `{"schemaVersion":2,"manifests":[]}`
		old    = `{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}`
		notOne = "is no manifest"
	)
	typed := func(mediaType, members string) string {
		return `{"schemaVersion":2,"mediaType":"` + mediaType + `",` + members + `}`
	}
	for _, test := range []struct {
		rule, contentType, body string
		want, says              string // the type, or what the error says
	}{
		{"the header tells", ociImage, image, ociImage, ""},
		{"the header tells of an index", ociIndex, index, ociIndex, ""},
		{"the header tells with parameters", ociImage + "; charset=utf-8", image, ociImage, ""},
		{"the header tells in capitals", strings.ToUpper(ociImage), image, ociImage, ""},
		{"header and manifest agree", dockerImage, typed(dockerImage, `"layers":[]`), dockerImage, ""},
		{"the manifest tells where the header is JSON", "application/json", typed(dockerList, `"manifests":[]`), dockerList, ""},
		{"the manifest tells where there is no header", "", typed(ociIndex, `"manifests":[]`), ociIndex, ""},
		{"the manifest tells where the header is malformed", ";;", typed(ociIndex, `"manifests":[]`), ociIndex, ""},
		{"the form tells of an image", "application/json", image, ociImage, ""},
		{"the form tells of an index", "text/plain", index, ociIndex, ""},
		{"the form tells of schema1", "application/json", old, schema1, ""},
		{"schema1 needs no type of its own", schema1, old, schema1, ""},
		{"a type that nobody knows is taken where both name it", "application/vnd.example+json", typed("application/vnd.example+json", `"blobs":[]`),
			"application/vnd.example+json", ""},
		{"layers that are null are none", ociIndex, `{"schemaVersion":2,"manifests":[],"layers":null}`, ociIndex, ""},

		{"an index and an image in one", ociImage, `{"schemaVersion":2,"manifests":[],"layers":[]}`, "", "both manifests and layers"},
		{"an index and a schema1 image in one", "", `{"schemaVersion":1,"manifests":[],"fsLayers":[]}`, "", "both manifests and layers"},
		{"an index and an image in one, in capitals", ociImage, `{"Manifests":[],"layers":[]}`, "", "both manifests and layers"},
		{"an index under the header of an image", ociImage, index, "", "form of its type"},
		{"an image under the header of an index", ociIndex, image, "", "form of its type"},
		{"an index under the header of schema1", schema1JWS, index, "", "form of its type"},
		{"an index that says it is an image", "application/json", typed(ociImage, `"manifests":[]`), "", "form of its type"},
		{"an image that says it is an index", "application/json", typed(dockerList, `"layers":[]`), "", "form of its type"},
		{"header and manifest disagree", ociImage, typed(dockerImage, `"layers":[]`), "", "but the manifest says"},
		{"header and manifest disagree about an index", ociIndex, typed(dockerList, `"manifests":[]`), "", "but the manifest says"},
		{"a type that only the manifest names", "application/json", typed("application/vnd.example+json", `"layers":[]`), "", notOne},
		{"a page of HTML", "text/html; charset=utf-8", "<!DOCTYPE html><title>Login</title>", "", `"text/html`},
		{"an empty answer", ociImage, "", "", notOne},
		{"an empty answer without a type", "", "", "", notOne},
		{"null", ociImage, "null", "", notOne},
		{"an array", ociImage, "[]", "", notOne},
		{"a string", ociImage, `"hello"`, "", notOne},
		{"an empty object", "application/json", "{}", "", notOne},
		{"an object of another kind", "application/json", `{"schemaVersion":3,"layers":[]}`, "", notOne},
		{"an error that comes as a success", "application/json", `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, "", notOne},
		{"JSON with something after it", ociImage, image + "x", "", notOne},
		{"half a manifest", ociImage, image[:len(image)-1], "", notOne},
		{"JSON that nests too deep", ociImage, strings.Repeat("[", 1<<20), "", notOne},
		{"a type of a megabyte", "", typed(strings.Repeat("x", 1<<20), `"layers":[]`), "", notOne},
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

// FuzzTypeOf holds answers to this: whatever a registry serves, what is
// returned hashes to its digest, is JSON with one meaning, and is otherwise an
// error of at most 1 KiB.
func FuzzTypeOf(f *testing.F) {
	for _, seed := range [][2]string{
		{ociImage, emptyImage}, {ociIndex, `{"schemaVersion":2,"manifests":[]}`}, {"application/json", `{"manifests":[],"layers":[]}`},
		{schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":[{"protected":"e30"}]}`}, {"text/html", "<html>"}, {"", ""}, {";", "null"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		contentType = strings.Map(func(r rune) rune { // no header has control characters
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, contentType)
		m, err := newClient(t, answering(contentType, body)).Manifest(t.Context(), repo, "v1")
		if err != nil {
			wantErr(t, err, err)
			return
		}
		if string(m.Raw) != body || m.Descriptor.Size != int64(len(body)) || m.Descriptor.MediaType == "" {
			t.Fatalf("%q %q became %+v", contentType, body, m)
		}
		signed := m.Descriptor.MediaType == schema1 || m.Descriptor.MediaType == schema1JWS
		if !signed && digest.FromString(body) != m.Descriptor.Digest {
			t.Fatalf("%q does not hash to %s", body, m.Descriptor.Digest)
		}
	})
}
