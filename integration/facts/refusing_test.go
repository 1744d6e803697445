package facts_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// refusing covers registries that do not allow deletion. Tests of registries that refuse writes cannot
// push first, but need not: those registries refuse before they look up the reference.
func refusing() section {
	disabled := registry.Setup{DeleteDisabled: true}
	readOnly := registry.Setup{ReadOnly: true}
	mirror := registry.Setup{Mirror: true}
	unknown := digest.FromString("never pushed").String()

	return section{"refusing", []fact{
		{
			name:  "deletion disabled: DELETE of a digest",
			setup: disabled,
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; manifest and tag: %s", answer, presence(t, r, image.Digest.String(), "latest"))
			},
			on2: `405 UNSUPPORTED "The operation is unsupported."; manifest and tag: present, present`,
		},
		{
			name:    "deletion disabled: DELETE of a tag",
			setup:   disabled,
			observe: removeFrom("latest"),
			on2:     `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:    "deletion disabled: DELETE of an unknown digest",
			setup:   disabled,
			observe: removeFrom(unknown),
			on2:     `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:    "deletion disabled: DELETE in an unknown repository",
			setup:   disabled,
			observe: func(t *testing.T, r repo) string { return remove(t, r, unknown).String() },
			on2:     `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:  "deletion disabled: Allow header field",
			setup: disabled,
			observe: func(t *testing.T, r repo) string {
				return fmt.Sprintf("%q", remove(t, r, unknown).Header.Get("Allow"))
			},
			on2: `""`,
		},
		{
			name:    "read-only: DELETE of a digest",
			setup:   readOnly,
			observe: func(t *testing.T, r repo) string { return remove(t, r, unknown).String() },
			on2:     "405 text/plain Method not allowed",
		},
		{
			name:    "read-only: DELETE of a tag",
			setup:   readOnly,
			observe: func(t *testing.T, r repo) string { return remove(t, r, "latest").String() },
			on2:     "405 text/plain Method not allowed",
		},
		{
			name:  "read-only: PUT of a manifest",
			setup: readOnly,
			observe: func(t *testing.T, r repo) string {
				return r.PutManifest(t, "latest", wire.OCIImage(t, "hello")).String()
			},
			on2: "405 text/plain Method not allowed",
		},
		{
			name:  "read-only: POST of an upload",
			setup: readOnly,
			observe: func(t *testing.T, r repo) string {
				return r.Do(t, http.MethodPost, "blobs/uploads/").String()
			},
			on2: "405 text/plain Method not allowed",
		},
		{
			name:  "read-only: Allow header field",
			setup: readOnly,
			observe: func(t *testing.T, r repo) string {
				return fmt.Sprintf("%q", remove(t, r, unknown).Header.Get("Allow"))
			},
			on2: `"GET, HEAD"`,
		},
		{
			name:    "pull-through cache: DELETE of an unknown digest",
			setup:   mirror,
			observe: func(t *testing.T, r repo) string { return remove(t, r, unknown).String() },
			on2:     `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:    "pull-through cache: DELETE of a tag",
			setup:   mirror,
			observe: func(t *testing.T, r repo) string { return remove(t, r, "latest").String() },
			on2:     `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:  "pull-through cache: PUT of a manifest",
			setup: mirror,
			observe: func(t *testing.T, r repo) string {
				return r.PutManifest(t, "latest", wire.OCIImage(t, "hello")).String()
			},
			on2: `405 UNSUPPORTED "The operation is unsupported."`,
		},
	}}
}
