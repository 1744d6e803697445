package threats_test

import (
	"context"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestThreatA01EndlessErrorBody(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), all(), func(t *testing.T, s *stage, op operation) {
		s.answers("", fakeregistry.Flood(404, nil, "no such thing ", "\x1b[31m!"))
		err := op.run(s.ctx(), s.client(), s)
		wantErr(t, err)
		wantNot(t, err, regret.ErrNotFound)
		s.wantAtMost(2) // HEAD, and GET for the body that it does not have
		s.wantWritten(1, regret.DefaultLimits().ErrorBytes)
		s.wantAllThere()
	})
}

func TestThreatA05DrippingManifest(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, s *stage) {
		s.answers("GET", fakeregistry.Drip(200, map[string]string{"Content-Type": ocispec.MediaTypeImageManifest}, "{", 100*time.Millisecond))
		ctx, cancel := context.WithTimeout(s.ctx(), 7*time.Second)
		defer cancel()
		start := time.Now()
		wantErr(t, manifest.run(ctx, s.client(), s), context.DeadlineExceeded)
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("it took %v", took)
		}
		s.wantNoWrites()
	})
}

func TestThreatA08ResetInTheMiddle(t *testing.T) {
	t.Parallel()
	overHTTP1(t, func(t *testing.T, s *stage) {
		s.registry.Intercept(2, fakeregistry.On("GET", "/v2/"), s.raw(func(w *wire) {
			w.say("HTTP/1.1 200 OK\r\nContent-Type: " + ocispec.MediaTypeImageManifest + "\r\nContent-Length: 400\r\n\r\n{")
			w.reset()
		}))
		if err := manifest.run(s.ctx(), s.client(), s); err != nil {
			t.Error(err)
		}
		s.wantRequests(requestLine("GET", "v1", 200), requestLine("GET", "v1", 200), requestLine("GET", "v1", 200))
	})
}

func TestThreatA15EndlessHeader(t *testing.T) {
	t.Parallel()
	overHTTP1(t, func(t *testing.T, s *stage) {
		s.answers("GET", s.raw(func(w *wire) {
			for more := w.say("HTTP/1.1 200 OK\r\n"); more; {
				more = w.say("X-More: " + strings.Repeat("x", 8<<10) + "\r\n")
			}
		}))
		err := ping.run(s.ctx(), s.client(), s)
		wantErr(t, err, regret.ErrUnavailable)
		wantText(t, err, "header")
		s.wantAtMost(4)
		s.wantWritten(4, 256<<10)
	})
}
