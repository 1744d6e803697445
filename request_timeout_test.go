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
)

// slowly is a body whose bytes come after a while, unless its request ends.
type slowly struct {
	io.ReadCloser
	after time.Duration
	ctx   context.Context
}

func (s *slowly) Read(p []byte) (int, error) {
	select {
	case <-time.After(s.after):
		s.after = 0
		return s.ReadCloser.Read(p)
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func TestABodyMayTakeLongerThanItsHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := regret.DefaultLimits()
		limits.ReadTimeout = 3 * time.Second
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := respond(req, 200, `{"tags":["v1","v2"]}`)
			resp.Body = &slowly{resp.Body, time.Minute, req.Context()}
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
			t.Errorf("it took %v", took)
		}
	})
}
