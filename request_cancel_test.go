package regret_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Every operation returns as soon as its context ends, with the context's error. If a DELETE
// or PUT may have arrived, the error also is ErrOutcomeUnknown.
func TestContextEndsDuringCall(t *testing.T) {
	t.Parallel()
	resolve := func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
		_, err := c.ResolveDigest(ctx, repo, "v1")
		return err
	}
	read := func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
		_, err := c.Manifest(ctx, repo, "v1")
		return err
	}
	remove := func(ctx context.Context, c *regret.Client, dgst regret.Digest) error {
		return c.DeleteManifest(ctx, repo, dgst)
	}
	untag := func(ctx context.Context, c *regret.Client, _ regret.Digest) error { return c.Untag(ctx, repo, "v1") }
	put := func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
		return c.PutManifest(ctx, repo, "v1", manifestOf(emptyImage))
	}
	const slow = 10 * time.Second // waits between attempts; contexts end after 1 s
	for _, test := range []struct {
		rule      string
		call      func(context.Context, *regret.Client, regret.Digest) error
		steps     []step
		unknown   bool
		sent      string
		announced bool // the registry says how long to wait
	}{
		{"while a read waits for its response", resolve, []step{{0, "HEAD", hang}}, false, "HEAD 0 lost", false},
		{"while the GET after a refused HEAD waits", resolve, []step{{0, "HEAD", failing(405, "")}, {0, "GET", hang}}, false, "HEAD 405, GET 0 lost", false},
		{"while a body is read", read, []step{{0, "GET", drip(200)}}, false, "GET 200", false},
		{"while the body of an error is read", read, []step{{0, "GET", drip(404)}}, false, "GET 404", false},
		{"in the wait after an error", resolve, []step{{0, "HEAD", failing(500, "UNKNOWN")}}, false, "HEAD 500", false},
		{"in the wait for Retry-After", resolve, []step{{0, "HEAD", withRetryAfter(429, "30")}}, false, "HEAD 429", true},
		{"in the wait after a refused connection", resolve, []step{{0, "HEAD", refused}}, false, "", false},
		{"before the DELETE is sent", remove, []step{{0, "HEAD", hang}}, false, "HEAD 0 lost", false},
		{"while a DELETE waits for its response", remove, []step{{0, "DELETE", hang}}, true, "HEAD 200, DELETE 0 lost", false},
		{"in the wait after a DELETE without a response", remove, []step{{0, "DELETE", loseRequest}}, true, "HEAD 200, DELETE 0 lost", false},
		{"in the wait after 500", remove, []step{{0, "DELETE", failing(500, "UNKNOWN")}}, true, "HEAD 200, DELETE 500", false},
		{"in the wait after a DELETE with a 429", remove, []step{{0, "DELETE", withRetryAfter(429, "30")}}, false, "HEAD 200, DELETE 429", true},
		{"in the wait after a refused connection for the DELETE", remove, []step{{0, "DELETE", refused}}, false, "HEAD 200", false},
		{"while the body of a 405 is read", remove, []step{{0, "DELETE", drip(405)}}, false, "HEAD 200, DELETE 405", false},
		{"while the body of a 502 is read", remove, []step{{0, "DELETE", drip(502)}}, true, "HEAD 200, DELETE 502", false},
		{"while a 200 is verified", remove, []step{{0, "DELETE", failing(200, "")}, {1, "HEAD", pass}, {0, "HEAD", hang}}, true, "HEAD 200, DELETE 200, HEAD 0 lost", false},
		{"while an untag waits for its response", untag, []step{{0, "DELETE", hang}}, true, "DELETE 0 lost", false},
		{"while the outcome of an untag is verified", untag, []step{{0, "DELETE", loseRequest}, {0, "HEAD", hang}}, true, "DELETE 0 lost, HEAD 0 lost", false},
		{"in the wait before the DELETE is retried", untag, []step{{0, "DELETE", refused}}, false, "", false},
		{"while a PUT waits for its response", put, []step{{0, "PUT", hang}}, true, "PUT 0 lost", false},
	} {
		for _, end := range []struct {
			name string
			make func(t *testing.T) (context.Context, context.CancelFunc)
			want error
		}{
			{", canceled", func(t *testing.T) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, context.Canceled},
			{", deadline exceeded", func(t *testing.T) (context.Context, context.CancelFunc) { return withTimeout(t, time.Second) }, context.DeadlineExceeded},
		} {
			if test.announced && end.want == context.DeadlineExceeded {
				continue // a wait beyond the deadline is not begun
			}
			t.Run(test.rule+end.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					reg := fakeregistry.New()
					dgst := reg.PutImage(repo, "hello", "v1").Digest
					play(reg, test.steps...)
					c := newClient(t, reg, withConstantWait(slow))
					ctx, cancel := end.make(t)
					defer cancel()
					wantDuration(t, time.Second, func() {
						err := test.call(ctx, c, dgst)
						wantErr(t, err, end.want)
						if test.unknown {
							wantErr(t, err, regret.ErrOutcomeUnknown)
						} else {
							wantNot(t, err, regret.ErrOutcomeUnknown)
						}
						wantNot(t, err, regret.ErrNotFound, regret.ErrUnavailable)
					})
					synctest.Wait()
					if got := methods(t, reg); got != test.sent {
						t.Errorf("requests %q, want %q", got, test.sent)
					}
				})
			})
		}
	}
}

func TestEndedContextSendsNothing(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage(repo, "hello", "v1")
	c := newClient(t, reg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, m := range append(readMethods[:len(readMethods):len(readMethods)], append(tagMethods, repositoryMethods...)...) {
		err := m.call(ctx, c, repo, "v1")
		e := wantErr(t, err, context.Canceled)
		wantNot(t, err, regret.ErrOutcomeUnknown, regret.ErrUnavailable)
		if e.Method != "" || e.Attempts != 0 {
			t.Errorf("the error of %s names a request, but none was sent: %+v", m.name, e)
		}
	}
	for _, m := range digestMethods {
		wantErr(t, m.call(ctx, c, repo, aDigest), context.Canceled)
	}
	wantRequests(t, reg)
}
