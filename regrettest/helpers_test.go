package regrettest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// absent is a digest that no content has.
const absent = digest.Digest("sha256:0000000000000000000000000000000000000000000000000000000000000000")

// client is a plain HTTP client of one registry. It does not follow redirects.
type client struct {
	t    *testing.T
	reg  *regrettest.Registry
	base string
	http *http.Client
}

// response is a response with its body, which has been read.
type response struct {
	t *testing.T
	*http.Response
	body string
}

func profile(t *testing.T, name string) regrettest.Profile {
	t.Helper()
	p, err := regrettest.LookupProfile(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serve starts a new registry and returns a client that talks to it over a socket.
func serve(t *testing.T, opts ...regrettest.Option) *client {
	t.Helper()
	reg := regrettest.New(opts...)
	srv, err := reg.Start()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
	})
	return newClient(t, reg, srv.URL, transport)
}

// connect returns a client of a new registry that needs no socket.
func connect(t *testing.T, opts ...regrettest.Option) *client {
	t.Helper()
	reg := regrettest.New(opts...)
	return newClient(t, reg, "https://registry.example.com", reg)
}

func newClient(t *testing.T, reg *regrettest.Registry, base string, transport http.RoundTripper) *client {
	t.Helper()
	return &client{t, reg, base, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send sends a request. header alternates names and values.
func (c *client) send(method, path, body string, header ...string) (response, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return response{c.t, resp, string(content)}, err
}

// do sends a request and fails the test on an error.
func (c *client) do(method, path, body string, header ...string) response {
	c.t.Helper()
	resp, err := c.send(method, path, body, header...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// want checks the status code and header fields. header alternates names and values.
func (r response) want(status int, header ...string) response {
	r.t.Helper()
	if r.StatusCode != status {
		r.t.Fatalf("%s %s: status %d, want %d; body: %s", r.Request.Method, r.Request.URL, r.StatusCode, status, r.body)
	}
	for pair := range slices.Chunk(header, 2) {
		if diff := cmp.Diff(pair[1], r.Header.Get(pair[0])); diff != "" {
			r.t.Errorf("%s %s: %s (-want +got):\n%s", r.Request.Method, r.Request.URL, pair[0], diff)
		}
	}
	return r
}

// wantBody checks the body.
func (r response) wantBody(want string) response {
	r.t.Helper()
	if diff := cmp.Diff(want, r.body); diff != "" {
		r.t.Errorf("%s %s: body (-want +got):\n%s", r.Request.Method, r.Request.URL, diff)
	}
	return r
}

// wantCode checks the status code and that the first error has this code.
func (r response) wantCode(status int, code string) response {
	r.t.Helper()
	r.want(status)
	doc := decode[struct{ Errors []struct{ Code string } }](r.t, r.body)
	if len(doc.Errors) == 0 || doc.Errors[0].Code != code {
		r.t.Errorf("%s %s: body %s, want the code %s", r.Request.Method, r.Request.URL, r.body, code)
	}
	return r
}

// tags returns the tags in a list.
func (r response) tags() []string {
	r.t.Helper()
	r.want(http.StatusOK)
	return decode[struct{ Tags []string }](r.t, r.body).Tags
}

// pushBlob uploads a blob.
func (c *client) pushBlob(repository, content string) ocispec.Descriptor {
	c.t.Helper()
	desc := describe("application/octet-stream", content)
	session := c.do("POST", "/v2/"+repository+"/blobs/uploads/", "").want(http.StatusAccepted).Header.Get("Location")
	c.do("PUT", session+"?digest="+desc.Digest.String(), content).want(http.StatusCreated)
	return desc
}

// image uploads the blobs of an image and returns its manifest.
func (c *client) image(repository, content string, subject *ocispec.Descriptor) string {
	c.t.Helper()
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Subject: subject}
	m.SchemaVersion = 2
	m.Config = c.pushBlob(repository, `{"architecture":"amd64","os":"linux"}`)
	m.Config.MediaType = ocispec.MediaTypeImageConfig
	m.Layers = []ocispec.Descriptor{c.pushBlob(repository, content)}
	return encode(c.t, m)
}

// pushManifest uploads a manifest of an OCI image.
func (c *client) pushManifest(repository, reference, manifest string) response {
	c.t.Helper()
	return c.do("PUT", "/v2/"+repository+"/manifests/"+reference, manifest, "Content-Type", ocispec.MediaTypeImageManifest)
}

func describe(mediaType, content string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content))}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return v
}
