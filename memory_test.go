package regret

import (
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
)

// This test is in package regret because the memory of a client cannot be observed from outside.

// oneManifest is a transport that returns the same manifest for every reference and accepts every
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

func TestClientRemembersResolvedManifestsAndTags(t *testing.T) {
	t.Parallel()
	const repository = "team/app"
	dgst := digest.FromString("a manifest")
	tests := []struct {
		rule            string
		do              func(c *Client) error
		manifests, tags int
	}{
		{"resolving a tag adds the tag and its digest", func(c *Client) error {
			_, err := c.ResolveDigest(t.Context(), repository, "v1")
			return err
		}, 1, 1},
		{"resolving a digest adds the digest", func(c *Client) error {
			_, err := c.ResolveDigest(t.Context(), repository, string(dgst))
			return err
		}, 1, 0},
		{"deleting a manifest drops the digest and its tag", func(c *Client) error {
			if _, err := c.ResolveDigest(t.Context(), repository, "v1"); err != nil {
				return err
			}
			if _, err := c.ResolveDigest(t.Context(), repository, string(dgst)); err != nil {
				return err
			}
			return c.DeleteManifest(t.Context(), repository, dgst)
		}, 0, 0},
		{"deleting a manifest drops only the tag that was resolved last", func(c *Client) error {
			for _, tag := range []string{"v1", "v2"} {
				if _, err := c.ResolveDigest(t.Context(), repository, tag); err != nil {
					return err
				}
			}
			return c.DeleteManifest(t.Context(), repository, dgst)
		}, 0, 1},
		{"deleting an unknown digest leaves nothing behind", func(c *Client) error {
			return c.DeleteManifest(t.Context(), repository, dgst)
		}, 0, 0},
		{"deleting a manifest keeps a tag that now points to another one", func(c *Client) error {
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
