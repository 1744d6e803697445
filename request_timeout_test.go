package regret_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// An endless body after a success or a refusal is not read to its end.
func TestEndlessBodyAfterDelete(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		status int
		want   []error
		most   time.Duration
	}{
		{"after a success, which is verified", 202, []error{regret.ErrStillPresent}, 3 * time.Second},
		{"after a refusal", 403, []error{regret.ErrForbidden}, 3 * time.Second},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg, c, dgst := seen(t)
				play(reg, step{0, "DELETE", drip(test.status)})
				start := time.Now()
				wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), test.want...)
				if took := time.Since(start); took > test.most {
					t.Errorf("it took %v, want at most %v", took, test.most)
				}
			})
		})
	}
}

func TestRequestIsRetriedAfterTimeout(t *testing.T) {
	t.Parallel()
	limits := regret.DefaultLimits()
	limits.ReadTimeout, limits.WriteTimeout = 5*time.Second, 20*time.Second
	for _, test := range []struct {
		rule  string
		steps []step
		want  []error
		took  time.Duration
		sent  string
	}{
		{"a HEAD is retried after the read time-out", []step{{1, "HEAD", hang}}, nil, 5*time.Second + time.Second, "HEAD 0 lost, HEAD 200, DELETE 202"},
		{"a DELETE is retried after the longer write time-out", []step{{1, "DELETE", hang}}, nil, 20*time.Second + time.Second, "HEAD 200, DELETE 0 lost, DELETE 202"},
		{"a DELETE that the registry carried out without responding succeeds", []step{{1, "DELETE", does(hang)}}, nil, 20*time.Second + time.Second, "HEAD 200, DELETE 0 lost, DELETE 404, HEAD 404, GET 404"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				dgst := reg.PutImage(repo, "hello", "v1").Digest
				play(reg, test.steps...)
				c := newClient(t, reg, withConstantWait(time.Second), regret.WithLimits(limits))
				wantDuration(t, test.took, func() { wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), test.want...) })
				if got := methods(t, reg); got != test.sent {
					t.Errorf("requests %q, want %q", got, test.sent)
				}
			})
		})
	}
}

func TestResponseTimeout(t *testing.T) {
	t.Parallel()
	limits := regret.DefaultLimits()
	limits.ReadTimeout, limits.WriteTimeout = 3*time.Second, 7*time.Second
	tests := []struct {
		name string
		call func(ctx context.Context, c *regret.Client) error
		took time.Duration
		kind error
	}{
		{"a read without a response in time is unavailable", func(ctx context.Context, c *regret.Client) error {
			return c.Ping(ctx)
		}, 3 * time.Second, regret.ErrUnavailable},
		{"a write has its own time-out, and its outcome is unknown", func(ctx context.Context, c *regret.Client) error {
			return c.Untag(ctx, repo, "v1")
		}, 7*time.Second + 3*time.Second, regret.ErrOutcomeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
				c := newClient(t, reg, regret.WithLimits(limits), regret.WithRetries(regret.Retries{}))
				start := time.Now()
				wantErr(t, tt.call(t.Context(), c), tt.kind)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %s, want %s", took, tt.took)
				}
			})
		})
	}
}

func TestLateResponseIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := regret.DefaultLimits()
		limits.ReadTimeout = 3 * time.Second
		body := &endlessBody{}
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			<-time.After(5 * time.Second) // regardless of the context
			resp := respond(req, 200, "")
			resp.Body = body
			return resp, nil
		}), regret.WithLimits(limits), regret.WithRetries(regret.Retries{}))
		err := c.Ping(t.Context())
		wantErr(t, err, regret.ErrUnavailable)
		wantText(t, err, "no response within the time-out")
		wantNot(t, err, context.Canceled)
		if !body.closed {
			t.Error("the body of the response was not closed")
		}
	})
}

// slowBody is a body that arrives after a delay, unless its request is canceled.
type slowBody struct {
	io.ReadCloser
	after time.Duration
	ctx   context.Context
}

func (s *slowBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(s.after):
		s.after = 0
		return s.ReadCloser.Read(p)
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func TestBodyMayOutlastReadTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := regret.DefaultLimits()
		limits.ReadTimeout = 3 * time.Second
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := respond(req, 200, `{"tags":["v1","v2"]}`)
			resp.Body = &slowBody{resp.Body, time.Minute, req.Context()}
			return resp, nil
		}), regret.WithLimits(limits), regret.WithRetries(regret.Retries{}))
		start, got := time.Now(), []string(nil)
		for tag, err := range c.Tags(t.Context(), repo) {
			wantErr(t, err)
			got = append(got, tag)
		}
		if diff := cmp.Diff([]string{"v1", "v2"}, got); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v, want 1m", took)
		}
	})
}
