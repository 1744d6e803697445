package manifest_test

import (
	"slices"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	types := manifest.MediaTypes()
	for _, want := range []string{ociImage, ociIndex, dockerImage, dockerList, schema1, schema1JWS} {
		if !slices.Contains(types, want) || !manifest.IsMediaType(want) {
			t.Errorf("%s is missing", want)
		}
		if got := manifest.IsIndex(want); got != (want == ociIndex || want == dockerList) {
			t.Errorf("IsIndex(%s) is %t", want, got)
		}
	}
	if len(types) != 8 {
		t.Errorf("%d types: %q", len(types), types)
	}
	types[0] = "changed"
	if manifest.IsMediaType("changed") || manifest.IsMediaType("") {
		t.Error("a caller can change the list")
	}
}

func TestMediaType(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]string{
		ociImage:                          ociImage,
		ociImage + "; charset=utf-8":      ociImage,
		"Application/JSON":                "application/json",
		" text/html ;charset=\"x\"":       "text/html",
		"":                                "",
		";;":                              "",
		"text/html; charset=a; charset=b": "",
		"text/html, text/plain":           "",
	} {
		if got := manifest.MediaType(contentType); got != want {
			t.Errorf("the media type in %q is %q, want %q", contentType, got, want)
		}
	}
}
