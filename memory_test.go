package regret

import (
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
)

// Inside the package: what a client remembers is not to be seen from outside.

// oneManifest serves the same manifest under every name, and accepts every
// deletion.
type oneManifest struct{ digest Digest }

func (m oneManifest) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Body: http.NoBody, Request: req}
	if req.Method == http.MethodHead {
		resp.StatusCode = http.StatusOK
		resp.Header.Set("Docker-Content-Digest", string(m.digest))
		resp.Header.Set("Content-Type", MediaTypeDockerManifest)
	}
	return resp, nil
}

func TestWhatIsRemembered(t *testing.T) {
	t.Parallel()
	const repository = "team/app"
	dgst := digest.FromString("a manifest")
	tests := []struct {
		rule            string
		do              func(c *Client) error
		manifests, tags int
	}{
		{"a tag and its digest", func(c *Client) error {
			_, err := c.ResolveDigest(t.Context(), repository, "v1")
			return err
		}, 1, 1},
		{"a digest alone", func(c *Client) error {
			_, err := c.ResolveDigest(t.Context(), repository, string(dgst))
			return err
		}, 1, 0},
		{"neither after the manifest was deleted", func(c *Client) error {
			if _, err := c.ResolveDigest(t.Context(), repository, "v1"); err != nil {
				return err
			}
			if _, err := c.ResolveDigest(t.Context(), repository, string(dgst)); err != nil {
				return err
			}
			return c.DeleteManifest(t.Context(), repository, dgst)
		}, 0, 0},
		{"of several tags all but the last", func(c *Client) error {
			for _, tag := range []string{"v1", "v2"} {
				if _, err := c.ResolveDigest(t.Context(), repository, tag); err != nil {
					return err
				}
			}
			return c.DeleteManifest(t.Context(), repository, dgst)
		}, 0, 1},
		{"nothing that was deleted without being resolved", func(c *Client) error {
			return c.DeleteManifest(t.Context(), repository, dgst)
		}, 0, 0},
		{"a tag that has moved on since", func(c *Client) error {
			c.seen.add(repository, "v1", dgst)
			c.seen.tags.Set(imageName{repository, "v1"}, digest.FromString("another"))
			return c.DeleteManifest(t.Context(), repository, dgst)
		}, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			c, err := New("registry.example.com", WithTransport(oneManifest{dgst}))
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.do(c); err != nil {
				t.Fatal(err)
			}
			if m, n := c.seen.manifests.Len(), c.seen.tags.Len(); m != tt.manifests || n != tt.tags {
				t.Errorf("%d manifests and %d tags, want %d and %d", m, n, tt.manifests, tt.tags)
			}
		})
	}
}
