package facts_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// refusing is about registries that do not delete. A registry that refuses writes has nothing to delete either;
// it refuses before it looks.
func refusing() chapter {
	disabled := registry.Setup{DeleteDisabled: true}
	readOnly := registry.Setup{ReadOnly: true}
	mirror := registry.Setup{Mirror: true}
	unknown := digest.FromString("nobody's").String()

	return chapter{"refusing", []fact{
		{
			name:  "deletion disabled: DELETE of a digest",
			setup: disabled,
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; manifest and tag %s", answer, standing(t, r, image.Digest.String(), "latest"))
			},
			on2: `405 UNSUPPORTED "The operation is unsupported."; manifest and tag there, there`,
		},
		{
			name:  "deletion disabled: DELETE of a tag",
			setup: disabled,
			ask:   removeOnly("latest"),
			on2:   `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:  "deletion disabled: DELETE of an unknown digest",
			setup: disabled,
			ask:   removeOnly(unknown),
			on2:   `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:  "deletion disabled: DELETE in an unknown repository",
			setup: disabled,
			ask:   func(t *testing.T, r site) string { return remove(t, r, unknown).String() },
			on2:   `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:  "deletion disabled: the Allow header",
			setup: disabled,
			ask: func(t *testing.T, r site) string {
				return fmt.Sprintf("%q", remove(t, r, unknown).Header.Get("Allow"))
			},
			on2: `""`,
		},
		{
			name:  "read-only: DELETE of a digest",
			setup: readOnly,
			ask:   func(t *testing.T, r site) string { return remove(t, r, unknown).String() },
			on2:   "405 text/plain Method not allowed",
		},
		{
			name:  "read-only: DELETE of a tag",
			setup: readOnly,
			ask:   func(t *testing.T, r site) string { return remove(t, r, "latest").String() },
			on2:   "405 text/plain Method not allowed",
		},
		{
			name:  "read-only: PUT of a manifest",
			setup: readOnly,
			ask: func(t *testing.T, r site) string {
				return r.PutManifest(t, "latest", wire.OCIImage(t, "hello")).String()
			},
			on2: "405 text/plain Method not allowed",
		},
		{
			name:  "read-only: opening an upload",
			setup: readOnly,
			ask: func(t *testing.T, r site) string {
				return r.Do(t, http.MethodPost, "blobs/uploads/").String()
			},
			on2: "405 text/plain Method not allowed",
		},
		{
			name:  "read-only: the Allow header",
			setup: readOnly,
			ask: func(t *testing.T, r site) string {
				return fmt.Sprintf("%q", remove(t, r, unknown).Header.Get("Allow"))
			},
			on2: `"GET, HEAD"`,
		},
		{
			name:  "pull-through cache: DELETE of an unknown digest",
			setup: mirror,
			ask:   func(t *testing.T, r site) string { return remove(t, r, unknown).String() },
			on2:   `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:  "pull-through cache: DELETE of a tag",
			setup: mirror,
			ask:   func(t *testing.T, r site) string { return remove(t, r, "latest").String() },
			on2:   `405 UNSUPPORTED "The operation is unsupported."`,
		},
		{
			name:  "pull-through cache: PUT of a manifest",
			setup: mirror,
			ask: func(t *testing.T, r site) string {
				return r.PutManifest(t, "latest", wire.OCIImage(t, "hello")).String()
			},
			on2: `405 UNSUPPORTED "The operation is unsupported."`,
		},
	}}
}
