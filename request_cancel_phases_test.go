package regret_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A phase is a state in which a call waits when its context ends.
type phase struct {
	name      string
	ambiguous bool // whether a DELETE may have been carried out
	// newClient returns a client whose call will wait in this phase.
	newClient func(t *testing.T, p *platform) *regret.Client
	call      func(ctx context.Context, c *regret.Client, p *platform) error // nil: untag
}

// respondPartly responds with a status and the beginning of a body, which does not end in
// time.
func respondPartly(status int, fields map[string]string) func(http.ResponseWriter, *http.Request) bool {
	return fakeregistry.Drip(status, fields, "{", time.Hour)
}

// newClientWithDial returns a client that connects by dial. If that is nil, connecting takes
// until the test is over.
func newClientWithDial(t *testing.T, dial func() (net.Conn, error)) *regret.Client {
	testOver := make(chan struct{})
	t.Cleanup(func() { close(testOver) })
	return newClient(t, &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		if dial != nil {
			return dial()
		}
		<-testOver
		return nil, net.ErrClosed
	}})
}

// phases are the states that TestContextEndsDuringCall does not cover.
var phases = []phase{
	{name: "the connection", newClient: func(t *testing.T, _ *platform) *regret.Client { return newClientWithDial(t, nil) }},
	{name: "the TLS handshake", newClient: func(t *testing.T, _ *platform) *regret.Client {
		here, there := net.Pipe() // the other end is silent
		t.Cleanup(func() { there.Close() })
		return newClientWithDial(t, func() (net.Conn, error) { return here, nil })
	}},
	{name: "the body of a 401", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(0, fakeregistry.On("", "/v2/"), respondPartly(401, map[string]string{"Www-Authenticate": `Basic realm="r"`}))
		return p.client(t)
	}, call: tagsOf},
	{name: "the body of the response to a DELETE", ambiguous: true, newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" }, respondPartly(202, nil))
		return p.client(t)
	}},
	{name: "the response of the token service", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
		return p.client(t)
	}},
	{name: "the rest of the body with a token", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.tokens.Intercept(0, fakeregistry.On("", "/"), respondPartly(200, nil))
		return p.client(t)
	}},
	{name: "the rest of an error of the token service", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.tokens.Intercept(0, fakeregistry.On("", "/"), respondPartly(403, nil))
		return p.client(t)
	}},
	{name: "the token request with an identity token", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.tokens.Intercept(0, fakeregistry.On("POST", "/"), fakeregistry.Hang())
		c, _ := p.identityClient(t)
		return c
	}},
	{name: "another call that uses the identity token", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.tokens.Intercept(0, fakeregistry.On("POST", "/"), fakeregistry.Hang())
		c, _ := p.identityClient(t)
		startOtherCall(t, func(ctx context.Context) error { return c.Untag(ctx, "team/other", "v1") })
		return c
	}},
	{name: "the token request of another call", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
		c := p.client(t)
		startOtherCall(t, func(ctx context.Context) error { return c.Untag(ctx, repo, "other") })
		return c
	}},
	{name: "the source of credentials", newClient: func(t *testing.T, p *platform) *regret.Client {
		return newClient(t, p, regret.WithTrustedRealm(authURL), regret.WithCredentials(credentials.Func(
			func(ctx context.Context, _, _ string) (credentials.Credential, error) {
				<-ctx.Done()
				return credentials.Credential{}, ctx.Err()
			})))
	}},
	{name: "the source of credentials, for another call", newClient: func(t *testing.T, p *platform) *regret.Client {
		c := newClient(t, p, regret.WithTrustedRealm(authURL), regret.WithCredentials(credentials.Func(
			func(ctx context.Context, _, _ string) (credentials.Credential, error) {
				<-ctx.Done()
				return credentials.Credential{}, ctx.Err()
			})))
		startOtherCall(t, func(ctx context.Context) error { return c.Untag(ctx, repo, "other") })
		return c
	}},
	{name: "the Retry-After of another call", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(0, fakeregistry.On("", "/v2/team/other/"), fakeregistry.Answer(429, map[string]string{"Retry-After": "60"}, ""))
		c := p.client(t)
		startOtherCall(t, func(ctx context.Context) error { return c.Untag(ctx, "team/other", "v1") })
		return c
	}},
	{name: "the second page of a list", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(1, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" }, fakeregistry.Hang())
		p.registry.Intercept(1, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" },
			fakeregistry.Answer(200, map[string]string{"Link": `</v2/team/app/tags/list?last=v1>; rel="next"`}, `{"name":"team/app","tags":["v1"]}`))
		return p.client(t)
	}, call: tagsOf},
	{name: "the middle of a page", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(1, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" }, respondPartly(200, nil))
		return p.client(t)
	}, call: tagsOf},
	{name: "the verification of a deletion", ambiguous: true, newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(0, fakeregistry.On("HEAD", "/v2/"), fakeregistry.Hang())
		p.registry.Intercept(1, func(req *http.Request) bool { return req.Method == "DELETE" && req.Header.Get("Authorization") != "" }, fakeregistry.Answer(200, nil, ""))
		return p.client(t)
	}},
	{name: "the verification of a DELETE without a response", ambiguous: true, newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(0, fakeregistry.On("HEAD", "/v2/"), fakeregistry.Hang())
		p.registry.Intercept(1, func(req *http.Request) bool { return req.Method == "DELETE" && req.Header.Get("Authorization") != "" }, p.registry.LoseRequest())
		return p.client(t)
	}},
	{name: "the HEAD before a deletion", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(0, fakeregistry.On("HEAD", "/v2/"), fakeregistry.Hang())
		return p.client(t)
	}, call: func(ctx context.Context, c *regret.Client, p *platform) error {
		return c.DeleteManifest(ctx, repo, p.image.Digest)
	}},
	{name: "the target of a redirect", newClient: func(t *testing.T, p *platform) *regret.Client {
		p.registry.Intercept(0, fakeregistry.On("", "/v2/"), fakeregistry.Redirect(307, "https://storage.example.net/b"))
		p.Handle("https://storage.example.net", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }))
		return p.client(t)
	}, call: tagsOf},
}

// tagsOf lists the tags of repo.
func tagsOf(ctx context.Context, c *regret.Client, _ *platform) error {
	for _, err := range c.Tags(ctx, repo) {
		if err != nil {
			return err
		}
	}
	return nil
}

// startOtherCall starts a call that waits until the test is over.
func startOtherCall(t *testing.T, call func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- call(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err == nil {
			t.Error("the other call succeeded")
		}
	})
	synctest.Wait()
}

// In every phase, a call whose context ends returns the context's error at once and sends
// nothing afterwards.
func TestContextEndsInEveryPhase(t *testing.T) {
	t.Parallel()
	for _, test := range phases {
		for _, offset := range []time.Duration{1, time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 999 * time.Millisecond, 1999 * time.Millisecond} {
			for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
				t.Run(fmt.Sprintf("waiting for %s, after %s: %v", test.name, offset, want), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { test.run(t, offset, want) })
				})
			}
		}
	}
}

// run checks the phase with a context that ends after offset.
func (ph phase) run(t *testing.T, offset time.Duration, want error) {
	p := newPlatform()
	p.registry.PutImage("team/other", "hello", "v1")
	c := ph.newClient(t, p)
	if ph.call == nil {
		ph.call = func(ctx context.Context, c *regret.Client, _ *platform) error { return c.Untag(ctx, repo, "v1") }
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(offset, cancel)
	if want == context.DeadlineExceeded {
		ctx, cancel = context.WithTimeout(t.Context(), offset)
		defer cancel()
	}
	start := time.Now()
	err := ph.call(ctx, c, p)
	took := time.Since(start)
	if took == 0 && want == context.DeadlineExceeded { // a wait beyond the deadline is not begun
		want = regret.ErrRateLimited
	} else if took < offset || took > offset+100*time.Millisecond {
		t.Errorf("it took %s, want %s", took, offset)
	}
	wantErr(t, err, want)
	if ph.ambiguous {
		wantErr(t, err, regret.ErrOutcomeUnknown)
	} else {
		wantNot(t, err, regret.ErrOutcomeUnknown)
	}
	sent := len(p.Network.Requests())
	<-time.After(10 * time.Second)
	if more := p.Network.Requests()[sent:]; len(more) > 0 {
		t.Errorf("requests after the context ended: %v", more)
	}
}
