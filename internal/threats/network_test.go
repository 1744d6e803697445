package threats_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const (
	networkRepo    = "team/app"
	registryOrigin = "https://registry.example.com"
	tokenOrigin    = "https://auth.example.com"
	storageOrigin  = "https://storage.example.net"
)

// A network is an [http.RoundTripper] that implements a registry, its token service and every other
// host. It records every request byte for byte.
type network struct {
	name                   string // of the registry, for [regret.New]; its origin is registryOrigin
	registryOrigin         string
	tokenOrigin            string // origin of the registry's token service
	trustedRealms          []string
	challenge              string                  // challenge of the registry
	serveAuthorized        http.HandlerFunc        // answers authenticated requests; nil to serve the fake registry
	serveToken             http.HandlerFunc        // answers token requests; nil to issue a token
	otherHosts             map[string]http.Handler // by origin
	hostsAskForCredentials bool                    // other hosts ask for credentials instead of serving the registry's content
	registry               *fakeregistry.Registry
	image, blob            regret.Descriptor

	mu   sync.Mutex
	sent []sentRequest
}

// A sentRequest is a recorded request.
type sentRequest struct{ origin, line, wire string }

func newNetwork(k credentialKind) *network {
	nw := &network{
		registryOrigin: registryOrigin, tokenOrigin: tokenOrigin, trustedRealms: []string{tokenOrigin},
		challenge:  `Bearer realm="` + tokenOrigin + `/token",service="registry",scope="repository:team/app:pull"`,
		otherHosts: map[string]http.Handler{},
		registry:   fakeregistry.New(),
	}
	if k.basicAuth {
		nw.challenge = `Basic realm="registry"`
	}
	nw.image = nw.registry.PutImage(networkRepo, "hello", "v1", "v2")
	nw.blob = nw.registry.PutBlob(networkRepo, []byte(storedBlob))
	return nw
}

// RoundTrip encodes a request, decodes it again as a server would, and returns the response.
func (nw *network) RoundTrip(req *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil, err
	}
	origin := originOf(req.URL)
	nw.mu.Lock()
	nw.sent = append(nw.sent, sentRequest{origin, fmt.Sprintf("%s %s%s", req.Method, origin, req.URL.Path), req.URL.String() + "\r\n" + wire.String()})
	nw.mu.Unlock()
	server, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme == "https" {
		server.TLS = &tls.ConnectionState{}
	}
	rec := httptest.NewRecorder()
	nw.serve(origin, rec, server)
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

func originOf(u *url.URL) string {
	defaults := map[string]string{"https": ":443", "http": ":80"}
	return strings.TrimSuffix(strings.ToLower(u.Scheme+"://"+u.Host), defaults[strings.ToLower(u.Scheme)])
}

func (nw *network) serve(origin string, rw http.ResponseWriter, req *http.Request) {
	other, known := nw.otherHosts[origin]
	switch {
	case known:
		other.ServeHTTP(rw, req)
	case origin == nw.registryOrigin && req.URL.Path != "/token":
		nw.serveRegistry(rw, req)
	case origin == nw.tokenOrigin:
		nw.serveTokenRequest(rw, req)
	case nw.hostsAskForCredentials:
		askForCredentials(origin, rw, req)
	default:
		nw.registry.ServeHTTP(rw, req)
	}
}

// serveRegistry serves the registry. It accepts any of the credentials of these tests.
func (nw *network) serveRegistry(rw http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	bearer := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	switch {
	case user != canaryUser || password != canaryPassword:
		if !slices.Contains([]string{canaryIssued, canaryRegistry, canaryCaller}, bearer) {
			rw.Header().Set("WWW-Authenticate", nw.challenge)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
	case !strings.Contains(nw.challenge, "Basic"):
		http.Error(rw, "no passwords here", http.StatusBadRequest)
		return
	}
	if nw.serveAuthorized != nil {
		nw.serveAuthorized(rw, req)
		return
	}
	nw.registry.ServeHTTP(rw, req)
}

// serveTokenRequest serves the token service.
func (nw *network) serveTokenRequest(rw http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	known := user == canaryUser && password == canaryPassword ||
		slices.Contains([]string{canaryIdentity, canaryRefresh}, req.PostFormValue("refresh_token"))
	switch {
	case nw.serveToken != nil:
		nw.serveToken(rw, req)
	case known:
		fmt.Fprintf(rw, `{"token":%q,"refresh_token":%q,"expires_in":3600}`, canaryIssued, canaryRefresh)
	default:
		rw.WriteHeader(http.StatusUnauthorized)
	}
}

// askForCredentials serves a host that asks for credentials by every scheme, and that issues tokens
// without any.
func askForCredentials(origin string, rw http.ResponseWriter, req *http.Request) {
	if strings.Contains(req.URL.Path, "/token") {
		fmt.Fprint(rw, `{"token":"bait","refresh_token":"bait"}`)
		return
	}
	rw.Header().Add("WWW-Authenticate", `Bearer realm="`+origin+`/token?sig=`+canaryAddress+`",service="registry"`)
	rw.Header().Add("WWW-Authenticate", `Basic realm="registry"`)
	rw.WriteHeader(http.StatusUnauthorized)
}

// requestsTo returns the number of requests to an origin.
func (nw *network) requestsTo(origin string) int {
	n := 0
	for _, sent := range nw.requests() {
		if sent.origin == origin {
			n++
		}
	}
	return n
}

func (nw *network) requests() []sentRequest {
	nw.mu.Lock()
	defer nw.mu.Unlock()
	return slices.Clone(nw.sent)
}

// otherOriginsContacted returns the origins that received a request, in order, without those of the
// registry and its token service.
func (nw *network) otherOriginsContacted() []string {
	var origins []string
	for _, sent := range nw.requests() {
		if sent.origin != nw.registryOrigin && sent.origin != nw.tokenOrigin && !slices.Contains(origins, sent.origin) {
			origins = append(origins, sent.origin)
		}
	}
	return origins
}

// nothingDeleted reports whether the registry still has the image and both of its tags.
func (nw *network) nothingDeleted() bool {
	return len(nw.registry.Tags(networkRepo)) == 2 && nw.registry.HasManifest(networkRepo, nw.image.Digest)
}

// A networkOperation is an operation that runs on a network.
type networkOperation struct {
	name   string
	writes bool
	list   bool
	run    func(ctx context.Context, c *regret.Client, nnw *network) error
}

var networkOperations = []networkOperation{
	{name: "resolve", run: func(ctx context.Context, c *regret.Client, _ *network) error {
		_, err := c.Resolve(ctx, networkRepo, "v1")
		return err
	}},
	{name: "manifest", run: func(ctx context.Context, c *regret.Client, _ *network) error {
		_, err := c.Manifest(ctx, networkRepo, "v1")
		return err
	}},
	{name: "tags", list: true, run: func(ctx context.Context, c *regret.Client, _ *network) error {
		for _, err := range c.Tags(ctx, networkRepo) {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "blob", run: func(ctx context.Context, c *regret.Client, nw *network) error {
		_, err := c.Blob(ctx, networkRepo, nw.blob.Digest, blobLimit)
		return err
	}},
	{name: "has blob", run: func(ctx context.Context, c *regret.Client, nw *network) error {
		_, err := c.HasBlob(ctx, networkRepo, nw.blob.Digest)
		return err
	}},
	{name: "delete", writes: true, run: func(ctx context.Context, c *regret.Client, nw *network) error {
		return c.DeleteManifest(ctx, networkRepo, nw.image.Digest)
	}},
	{name: "untag", writes: true, run: func(ctx context.Context, c *regret.Client, _ *network) error {
		return c.Untag(ctx, networkRepo, "v1")
	}},
}

// wantKind checks that err is of the kind want, or nil if want is nil.
func wantKind(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error: %v, want %v", err, want)
	}
	if err != nil && len(err.Error()) > 1<<10 {
		t.Errorf("the error text has %d bytes, want at most 1024", len(err.Error()))
	}
}
