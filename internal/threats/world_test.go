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
	worldRepo  = "team/app"
	worldHome  = "https://registry.example.com"
	worldAuth  = "https://auth.example.com"
	worldStore = "https://storage.example.net"
)

// A world is a registry, its token service, and every other host there could
// be. It keeps every request, byte for byte.
type world struct {
	name      string // of the registry, as New is told it; its origin is home
	home      string
	auth      string // the origin of its token service
	trust     []string
	challenge string                  // how the registry asks for credentials
	answer    http.HandlerFunc        // what it answers to who has shown some; nil: as a registry does
	token     http.HandlerFunc        // what its token service answers; nil: a token
	others    map[string]http.Handler // by origin
	thief     bool                    // other hosts ask for credentials, instead of serving what the registry has
	registry  *fakeregistry.Registry
	image     regret.Descriptor

	mu   sync.Mutex
	sent []sentRequest
}

// A sentRequest is one request, and where it went.
type sentRequest struct{ origin, line, wire string }

func newWorld(k kind) *world {
	w := &world{
		home: worldHome, auth: worldAuth, trust: []string{worldAuth},
		challenge: `Bearer realm="` + worldAuth + `/token",service="registry",scope="repository:team/app:pull"`,
		others:    map[string]http.Handler{},
		registry:  fakeregistry.New(),
	}
	if k.basic {
		w.challenge = `Basic realm="registry"`
	}
	w.image = w.registry.PutImage(worldRepo, "hello", "v1", "v2")
	return w
}

// RoundTrip writes a request, reads it again as a server would, and answers.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil, err
	}
	origin := originOf(req.URL)
	w.mu.Lock()
	w.sent = append(w.sent, sentRequest{origin, fmt.Sprintf("%s %s%s", req.Method, origin, req.URL.Path), req.URL.String() + "\r\n" + wire.String()})
	w.mu.Unlock()
	server, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme == "https" {
		server.TLS = &tls.ConnectionState{}
	}
	rec := httptest.NewRecorder()
	w.serve(origin, rec, server)
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

func originOf(u *url.URL) string {
	defaults := map[string]string{"https": ":443", "http": ":80"}
	return strings.TrimSuffix(strings.ToLower(u.Scheme+"://"+u.Host), defaults[strings.ToLower(u.Scheme)])
}

func (w *world) serve(origin string, rw http.ResponseWriter, req *http.Request) {
	other, known := w.others[origin]
	switch {
	case known:
		other.ServeHTTP(rw, req)
	case origin == w.home && req.URL.Path != "/token":
		w.gate(rw, req)
	case origin == w.auth:
		w.tokens(rw, req)
	case w.thief:
		steal(origin, rw, req)
	default:
		w.registry.ServeHTTP(rw, req)
	}
}

// gate is the registry: it wants to see credentials of any kind that it knows.
func (w *world) gate(rw http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	bearer := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	switch {
	case user != canaryUser || password != canaryPassword:
		if !slices.Contains([]string{canaryIssued, canaryRegistry, canaryCaller}, bearer) {
			rw.Header().Set("WWW-Authenticate", w.challenge)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
	case !strings.Contains(w.challenge, "Basic"):
		http.Error(rw, "no passwords here", http.StatusBadRequest)
		return
	}
	if w.answer != nil {
		w.answer(rw, req)
		return
	}
	w.registry.ServeHTTP(rw, req)
}

// tokens is the token service.
func (w *world) tokens(rw http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	known := user == canaryUser && password == canaryPassword ||
		slices.Contains([]string{canaryIdentity, canaryRefresh}, req.PostFormValue("refresh_token"))
	switch {
	case w.token != nil:
		w.token(rw, req)
	case known:
		fmt.Fprintf(rw, `{"token":%q,"refresh_token":%q,"expires_in":3600}`, canaryIssued, canaryRefresh)
	default:
		rw.WriteHeader(http.StatusUnauthorized)
	}
}

// steal asks for whatever there is, in every way there is, and gives tokens for
// nothing.
func steal(origin string, rw http.ResponseWriter, req *http.Request) {
	if strings.Contains(req.URL.Path, "/token") {
		fmt.Fprint(rw, `{"token":"bait","refresh_token":"bait"}`)
		return
	}
	rw.Header().Add("WWW-Authenticate", `Bearer realm="`+origin+`/token?sig=`+canaryAddress+`",service="registry"`)
	rw.Header().Add("WWW-Authenticate", `Basic realm="registry"`)
	rw.WriteHeader(http.StatusUnauthorized)
}

// visits is how often an origin was sent anything.
func (w *world) visits(origin string) int {
	n := 0
	for _, sent := range w.requests() {
		if sent.origin == origin {
			n++
		}
	}
	return n
}

func (w *world) requests() []sentRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// reached are the origins that were sent anything, but for the registry's and
// its token service's, in order.
func (w *world) reached() []string {
	var origins []string
	for _, sent := range w.requests() {
		if sent.origin != w.home && sent.origin != w.auth && !slices.Contains(origins, sent.origin) {
			origins = append(origins, sent.origin)
		}
	}
	return origins
}

// intact says that nothing was deleted, by whomever.
func (w *world) intact() bool {
	return len(w.registry.Tags(worldRepo)) == 2 && w.registry.HasManifest(worldRepo, w.image.Digest)
}

// An errand is something to ask of a registry.
type errand struct {
	name   string
	writes bool
	list   bool
	run    func(ctx context.Context, c *regret.Client, w *world) error
}

var errands = []errand{
	{name: "resolve", run: func(ctx context.Context, c *regret.Client, _ *world) error {
		_, err := c.Resolve(ctx, worldRepo, "v1")
		return err
	}},
	{name: "manifest", run: func(ctx context.Context, c *regret.Client, _ *world) error {
		_, err := c.Manifest(ctx, worldRepo, "v1")
		return err
	}},
	{name: "tags", list: true, run: func(ctx context.Context, c *regret.Client, _ *world) error {
		for _, err := range c.Tags(ctx, worldRepo) {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "delete", writes: true, run: func(ctx context.Context, c *regret.Client, w *world) error {
		return c.DeleteManifest(ctx, worldRepo, w.image.Digest)
	}},
	{name: "untag", writes: true, run: func(ctx context.Context, c *regret.Client, _ *world) error {
		return c.Untag(ctx, worldRepo, "v1")
	}},
}

// wantKind wants a success for nil, and otherwise an error of that kind.
func wantKind(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error: %v, want %v", err, want)
	}
	if err != nil && len(err.Error()) > 1<<10 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}
