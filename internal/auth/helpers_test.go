package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

const (
	account  = "ann"
	password = `c4n4ry+/=&"%p4ss`
	host     = "registry.example.com"
	realm    = "https://auth.example.com/token"
)

var (
	pull   = auth.Scope{Type: "repository", Name: "team/app", Action: "pull"}
	remove = auth.Scope{Type: "repository", Name: "team/app", Action: "delete"}
	ping   = auth.Scope{}

	basicHeader = "Basic " + base64.StdEncoding.EncodeToString([]byte(account+":"+password))
)

// on returns the scope for pulling from a repository.
func on(repository string) auth.Scope {
	return auth.Scope{Type: "repository", Name: repository, Action: "pull"}
}

// challenge returns the header of a 401 with the given challenges.
func challenge(lines ...string) http.Header { return http.Header{"Www-Authenticate": lines} }

var basic = challenge(`Basic realm="r"`)

// bearer returns the header of a 401 that asks for a token with a scope.
func bearer(scope string) http.Header {
	return challenge(fmt.Sprintf(`Bearer realm=%q,service="the registry",scope=%q`, realm, scope))
}

// A handler answers token requests.
type handler func(*http.Request) (*http.Response, error)

// reply returns a handler that answers every request alike. Header fields come in pairs.
func reply(status int, body string, fields ...string) handler {
	return func(*http.Request) (*http.Response, error) {
		header := http.Header{}
		for i := 0; i+1 < len(fields); i += 2 {
			header.Add(fields[i], fields[i+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// numbered returns a handler that issues the tokens t0ken1, t0ken2, ….
func numbered() handler {
	var n atomic.Int32
	return func(req *http.Request) (*http.Response, error) {
		return reply(200, fmt.Sprintf(`{"token":"t0ken%d"}`, n.Add(1)))(req)
	}
}

// inOrder returns a handler that uses each of the given ones once, and then the last one.
func inOrder(handlers ...handler) handler {
	var n atomic.Int32
	return func(req *http.Request) (*http.Response, error) {
		return handlers[min(int(n.Add(1)), len(handlers))-1](req)
	}
}

// A service is a token service. It records requests and checks that response bodies are closed.
type service struct {
	handle handler
	open   atomic.Int32 // response bodies

	mu       sync.Mutex
	requests []request
}

// A request is a request to a token service.
type request struct {
	Method, URL string
	Query, Form url.Values
	Header      http.Header
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.ParseForm(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.requests = append(s.requests, request{req.Method, origin.Redact(req.URL), req.URL.Query(), req.PostForm, req.Header.Clone()})
	s.mu.Unlock()
	resp, err := s.handle(req)
	if err == nil {
		s.open.Add(1)
		resp.Body = &countedBody{resp.Body, sync.OnceFunc(func() { s.open.Add(-1) })}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	closed func()
}

func (b *countedBody) Close() error {
	b.closed()
	return b.ReadCloser.Close()
}

// all returns the requests so far.
func (s *service) all() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// wantScopes compares the token requests, such as "GET repository:team/app:pull".
func (s *service) wantScopes(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, r := range s.all() {
		got = append(got, strings.TrimSpace(r.Method+" "+strings.Join(append(r.Query["scope"], r.Form["scope"]...), " ")))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("token requests (-want +got):\n%s", diff)
	}
}

// A fixture is an Authorizer and its token service.
type fixture struct {
	*auth.Authorizer
	*service
	secrets *redact.Secrets
}

// newFixture returns an Authorizer for https://registry.example.com that has a password and trusts
// the token service at https://auth.example.com.
func newFixture(t *testing.T, handle handler, configure ...func(*auth.Config)) *fixture {
	t.Helper()
	s := &service{handle: handle}
	t.Cleanup(func() {
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d response bodies are not closed", n)
		}
	})
	config := auth.Config{
		Origin:        origin.Origin{Scheme: "https", Host: host},
		Source:        credentials.Static(credentials.Credential{Username: account, Password: password}),
		TrustedRealms: []string{"https://auth.example.com"},
		UserAgent:     "tester/1",
		TokenBytes:    64 << 10,
		ErrorBytes:    4 << 10,
		Tokens:        s,
		Secrets:       new(redact.Secrets),
	}
	for _, change := range configure {
		change(&config)
	}
	return &fixture{auth.New(config), s, config.Secrets}
}

// with returns a configuration with the given credential.
func with(cred credentials.Credential) func(*auth.Config) {
	return func(c *auth.Config) { c.Source = credentials.Static(cred) }
}

// source returns a configuration with a source that calls f with the number of the call.
func source(f func(n int) (credentials.Credential, error)) func(*auth.Config) {
	var n atomic.Int32
	return func(c *auth.Config) {
		c.Source = credentials.Func(func(context.Context, string, string) (credentials.Credential, error) { return f(int(n.Add(1))) })
	}
}

// answer returns the header that answers a 401.
func answer(t *testing.T, z *auth.Authorization, challenge http.Header) string {
	t.Helper()
	header, err := z.Answer(t.Context(), http.StatusUnauthorized, challenge, nil)
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// header returns the header that is sent unasked.
func (f *fixture) header(t *testing.T, scope auth.Scope) string {
	t.Helper()
	z := f.For(scope)
	header, err := z.Header(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// accepted answers a challenge, and the registry accepts the answer.
func (f *fixture) accepted(t *testing.T, scope auth.Scope, challenge http.Header) string {
	t.Helper()
	z := f.For(scope)
	header := answer(t, &z, challenge)
	if header == "" {
		t.Fatal("the challenge was not answered")
	}
	z.Accepted()
	return header
}

// refused answers a challenge for pulling, which must fail.
func (f *fixture) refused(t *testing.T, challenge http.Header) failure {
	t.Helper()
	z := f.For(pull)
	header, err := z.Answer(t.Context(), http.StatusUnauthorized, challenge, nil)
	if header != "" {
		t.Errorf("the header is %q", header)
	}
	return failureOf(t, err)
}

// A failure is an Error in a form that can be compared.
type failure struct {
	Reason      auth.Reason
	Realm       origin.Origin
	Method, URL string
	StatusCode  int
	Codes       []string
	RetryAfter  time.Duration
	Text        string
}

func failureOf(t *testing.T, err error) failure {
	t.Helper()
	e, ok := errors.AsType[*auth.Error](err)
	if !ok {
		t.Fatalf("error %v of type %T, want *auth.Error", err, err)
	}
	return failure{e.Reason, e.Realm, e.Method, e.URL, e.StatusCode, e.Codes, e.RetryAfter, e.Error()}
}

func wantFailure(t *testing.T, want, got failure) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func wantHeader(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("Authorization: %q, want %q", got, want)
	}
}
