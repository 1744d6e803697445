package manifest_test

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

const (
	ociImage    = ocispec.MediaTypeImageManifest
	ociIndex    = ocispec.MediaTypeImageIndex
	dockerImage = manifest.DockerManifest
	dockerList  = manifest.DockerManifestList
	schema1     = manifest.DockerSchema1
	schema1JWS  = manifest.DockerSchema1JWS
)

func TestTypeOf(t *testing.T) {
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
		{"Content-Type tells", ociImage, image, ociImage, ""},
		{"Content-Type tells for an index", ociIndex, index, ociIndex, ""},
		{"Content-Type may have parameters", ociImage + "; charset=utf-8", image, ociImage, ""},
		{"Content-Type may be in upper case", strings.ToUpper(ociImage), image, ociImage, ""},
		{"Content-Type and mediaType may agree", dockerImage, typed(dockerImage, `"layers":[]`), dockerImage, ""},
		{"mediaType tells if Content-Type is JSON", "application/json", typed(dockerList, `"manifests":[]`), dockerList, ""},
		{"mediaType tells if there is no Content-Type", "", typed(ociIndex, `"manifests":[]`), ociIndex, ""},
		{"mediaType tells if Content-Type is malformed", ";;", typed(ociIndex, `"manifests":[]`), ociIndex, ""},
		{"the members tell an image", "application/json", image, ociImage, ""},
		{"the members tell an index", "text/plain", index, ociIndex, ""},
		{"the members tell schema1", "application/json", old, schema1, ""},
		{"schema1 has no mediaType", schema1, old, schema1, ""},
		{"an unknown type is accepted if Content-Type and mediaType agree on it", "application/vnd.example+json", typed("application/vnd.example+json", `"blobs":[]`),
			"application/vnd.example+json", ""},
		{"a member that is null counts as absent", ociIndex, `{"schemaVersion":2,"manifests":[],"layers":null}`, ociIndex, ""},

		{"an index that is also an image is an error", ociImage, `{"schemaVersion":2,"manifests":[],"layers":[]}`, "", "both manifests and layers"},
		{"an index that is also a schema1 image is an error", "", `{"schemaVersion":1,"manifests":[],"fsLayers":[]}`, "", "both manifests and layers"},
		{"an index that is also an image is an error, whatever the case of its keys", ociImage, `{"Manifests":[],"layers":[]}`, "", "both manifests and layers"},
		{"an index with the Content-Type of an image is an error", ociImage, index, "", "form of its type"},
		{"an image with the Content-Type of an index is an error", ociIndex, image, "", "form of its type"},
		{"an index with the Content-Type of schema1 is an error", schema1JWS, index, "", "form of its type"},
		{"an index with the mediaType of an image is an error", "application/json", typed(ociImage, `"manifests":[]`), "", "form of its type"},
		{"an image with the mediaType of an index is an error", "application/json", typed(dockerList, `"layers":[]`), "", "form of its type"},
		{"a mediaType that contradicts Content-Type is an error", ociImage, typed(dockerImage, `"layers":[]`), "", "but the manifest says"},
		{"a mediaType that contradicts Content-Type is an error for an index", ociIndex, typed(dockerList, `"manifests":[]`), "", "but the manifest says"},
		{"an unknown type in mediaType alone is an error", "application/json", typed("application/vnd.example+json", `"layers":[]`), "", notOne},
		{"HTML is an error", "text/html; charset=utf-8", "<!DOCTYPE html><title>Login</title>", "", `"text/html`},
		{"an empty body is an error", ociImage, "", "", notOne},
		{"an empty body without a Content-Type is an error", "", "", "", notOne},
		{"null is an error", ociImage, "null", "", notOne},
		{"an array is an error", ociImage, "[]", "", notOne},
		{"a string is an error", ociImage, `"hello"`, "", notOne},
		{"an empty object is an error", "application/json", "{}", "", notOne},
		{"an unknown schemaVersion is an error", "application/json", `{"schemaVersion":3,"layers":[]}`, "", notOne},
		{"an error body is an error", "application/json", `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, "", notOne},
		{"data after the manifest is an error", ociImage, image + "x", "", notOne},
		{"half a manifest is an error", ociImage, image[:len(image)-1], "", notOne},
		{"JSON that is nested too deep is an error", ociImage, strings.Repeat("[", 1<<20), "", notOne},
		{"a mediaType of a megabyte is an error", "", typed(strings.Repeat("x", 1<<20), `"layers":[]`), "", notOne},
		{"a number of a megabyte is an error", ociImage, `{"schemaVersion":` + strings.Repeat("1", 1<<20) + `}`, "", notOne},

		{"duplicate manifests are an error", ociIndex, `{"schemaVersion":2,"manifests":[],"manifests":[]}`, "", `the key "manifests" twice`},
		{"duplicate manifests are an error, the second null", ociIndex, `{"manifests":[],"manifests":null,"layers":[]}`, "", `the key "manifests" twice`},
		{"duplicate manifests are an error, in upper case", ociIndex, `{"manifests":[],"MANIFESTS":[]}`, "", `the key "MANIFESTS" twice`},
		{"duplicate manifests are an error, escaped", ociIndex, `{"manifests":[],"manifest\u0073":[]}`, "", `the key "manifests" twice`},
		{"duplicate manifests are an error, with the long s of Unicode", ociIndex, `{"manifests":[],"manifeſts":[]}`, "", "twice"},
		{"a duplicate mediaType is an error", "", `{"mediaType":"` + ociImage + `","mediaType":"` + ociIndex + `"}`, "", `the key "mediaType" twice`},
		{"a duplicate schemaVersion is an error", "", `{"schemaVersion":1,"schemaVersion":2}`, "", `the key "schemaVersion" twice`},
		{"duplicate layers are an error", ociImage, `{"layers":[],"layers":[]}`, "", `the key "layers" twice`},
		{"duplicate fsLayers are an error", schema1, `{"fsLayers":[],"fsLayers":[]}`, "", `the key "fsLayers" twice`},
		{"duplicate signatures are an error", schema1, `{"signatures":[],"signatures":[]}`, "", `the key "signatures" twice`},
		{"other duplicate keys are allowed", ociImage, `{"x":1,"x":2,"layers":[]}`, ociImage, ""},
		{"duplicate keys below the top level are allowed", ociImage, `{"layers":[{"mediaType":"a","mediaType":"b"}]}`, ociImage, ""},
		{"invalid UTF-8 is allowed", ociImage, "{\"annotations\":{\"x\":\"\xff\"},\"layers\":[]}", ociImage, ""},
		{"half a surrogate pair is allowed", ociImage, `{"annotations":{"x":"\ud800"},"layers":[]}`, ociImage, ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, err := manifest.TypeOf(test.contentType, []byte(test.body))
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) || len(err.Error()) > 2<<10 {
					t.Errorf("%q, error %v, want %q", got, err, test.says)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("%q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// signed is a schema1 manifest with one signature, and payload what it signs.
const payload = `{"schemaVersion":1,"fsLayers":[]}`

func signed() string {
	encode := base64.RawURLEncoding.EncodeToString
	members := strings.TrimSuffix(payload, "}")
	protected := encode([]byte(`{"formatLength":` + strconv.Itoa(len(members)) + `,"formatTail":"` + encode([]byte("}")) + `"}`))
	return members + `,"signatures":[{"protected":"` + protected + `"}]}`
}

func TestContent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, mediaType, raw string
		want, says           string // the content, or what the error says
	}{
		{"the digest of an image is computed over its bytes", ociImage, ` {"layers":[]} `, ` {"layers":[]} `, ""},
		{"the digest of an unknown type is computed over its bytes", "application/vnd.example", "x", "x", ""},
		{"signatures do not matter unless the type is schema1", ociImage, signed(), signed(), ""},
		{"the digest of signed schema1 is computed over its payload", schema1JWS, signed(), payload, ""},
		{"the digest of signed schema1 is computed over its payload, even with the type of unsigned schema1", schema1, signed(), payload, ""},
		{"the digest of unsigned schema1 is computed over its bytes", schema1, payload, payload, ""},
		{"the digest of unsigned schema1 is computed over its bytes, even with the type of signed schema1", schema1JWS, payload, payload, ""},
		{"signatures that are null count as absent", schema1JWS, `{"signatures":null}`, `{"signatures":null}`, ""},
		{"signatures that are no list are an error", schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":{}}`, "", "not a list"},
		{"an empty list of signatures is an error", schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":[]}`, "", "no signatures"},
		{"a member after the signatures is an error", schema1JWS, strings.TrimSuffix(signed(), "}") + `,"x":1}`, "", "not the last member"},
		{"schema1 that is not JSON is an error", schema1, "x", "", "schema1 manifest"},
		{"schema1 that is null is an error", schema1, "null", "", "schema1 manifest"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, err := manifest.Content(test.mediaType, []byte(test.raw))
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%q, error %v, want %q", got, err, test.says)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("%q, %v, want %q", got, err, test.want)
			}
		})
	}
}
