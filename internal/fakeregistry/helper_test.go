package fakeregistry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const (
	mediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	mediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaTypeSchema1Signed  = "application/vnd.docker.distribution.manifest.v1+prettyjws"
)

// client sends requests to a registry, over a socket or through RoundTrip. It does not follow
// redirects.
type client struct {
	t    *testing.T
	reg  *fakeregistry.Registry
	base string
	http *http.Client
}

// response is an HTTP response together with its body, which has been read.
type response struct {
	*http.Response
	body string
}

// overBothTransports runs a test twice, over loopback and through RoundTrip, each time with a new
// registry.
func overBothTransports(t *testing.T, opts []fakeregistry.Option, test func(t *testing.T, c *client)) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New(opts...)
		srv := httptest.NewServer(reg)
		t.Cleanup(srv.Close)
		test(t, newClient(t, reg, srv.URL, srv.Client().Transport))
	})
	t.Run("roundtrip", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New(opts...)
		test(t, newClient(t, reg, "https://registry.example.com", reg))
	})
}

// newRoundTripClient returns a client of a new registry that uses RoundTrip.
func newRoundTripClient(t *testing.T, opts ...fakeregistry.Option) *client {
	t.Helper()
	reg := fakeregistry.New(opts...)
	return newClient(t, reg, "https://registry.example.com", reg)
}

func newClient(t *testing.T, reg *fakeregistry.Registry, base string, transport http.RoundTripper) *client {
	return &client{t, reg, base, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends a request and fails the test on an error. header alternates names and values.
func (c *client) do(method, path, body string, header ...string) response {
	c.t.Helper()
	resp, err := c.send(method, path, body, header...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// send sends a request. header alternates names and values.
func (c *client) send(method, path, body string, header ...string) (response, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		req.Header.Add(pair[0], pair[1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return response{resp, string(content)}, err
}

// want checks the status code and the header. header alternates names and values.
func (r response) want(t *testing.T, status int, header ...string) response {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d; body: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.body)
	}
	for pair := range slices.Chunk(header, 2) {
		if diff := cmp.Diff(pair[1], r.Header.Get(pair[0])); diff != "" {
			t.Errorf("%s %s: header %s (-want +got):\n%s", r.Request.Method, r.Request.URL.Path, pair[0], diff)
		}
	}
	return r
}

// wantCodes checks the status code and the codes of the error document.
func (r response) wantCodes(t *testing.T, status int, codes ...string) response {
	t.Helper()
	r.want(t, status)
	var doc struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
		t.Fatalf("body %q: %v", r.body, err)
	}
	var got []string
	for _, e := range doc.Errors {
		got = append(got, e.Code)
	}
	if diff := cmp.Diff(codes, got); diff != "" {
		t.Errorf("%s %s: codes (-want +got):\n%s", r.Request.Method, r.Request.URL.Path, diff)
	}
	if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("Content-Type %q, want application/json", got)
	}
	return r
}

func (r response) wantBody(t *testing.T, want string) response {
	t.Helper()
	if diff := cmp.Diff(want, r.body); diff != "" {
		t.Errorf("%s %s: body (-want +got):\n%s", r.Request.Method, r.Request.URL.Path, diff)
	}
	return r
}

// pushBlob uploads a blob by POST and PUT.
func (c *client) pushBlob(repo string, content []byte) ocispec.Descriptor {
	c.t.Helper()
	dgst := digest.FromBytes(content)
	session := c.do("POST", "/v2/"+repo+"/blobs/uploads/", "").want(c.t, 202)
	c.do("PUT", session.Header.Get("Location")+"?digest="+dgst.String(), string(content)).want(c.t, 201)
	return ocispec.Descriptor{MediaType: "application/octet-stream", Digest: dgst, Size: int64(len(content))}
}

// imageManifest uploads the blobs of an image and returns its manifest, which change may modify.
func (c *client) imageManifest(repo, content string, change func(*ocispec.Manifest)) []byte {
	c.t.Helper()
	m := ocispec.Manifest{
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    c.pushBlob(repo, []byte(`{"architecture":"amd64","os":"linux"}`)),
		Layers:    []ocispec.Descriptor{c.pushBlob(repo, []byte(content))},
	}
	m.SchemaVersion = 2
	m.Config.MediaType = ocispec.MediaTypeImageConfig
	if change != nil {
		change(&m)
	}
	return marshal(c.t, m)
}

// pushManifest uploads a manifest and returns its descriptor.
func (c *client) pushManifest(repo, ref, mediaType string, raw []byte) ocispec.Descriptor {
	c.t.Helper()
	c.do("PUT", "/v2/"+repo+"/manifests/"+ref, string(raw), "Content-Type", mediaType).want(c.t, 201)
	return describe(mediaType, raw)
}

func describe(mediaType string, raw []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func unmarshal[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	dec := json.NewDecoder(bytes.NewReader([]byte(body)))
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return v
}

type tagList struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}
