package threats_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Types and headers that answers have.
const ociImage = ocispec.MediaTypeImageManifest

func typed(contentType string) map[string]string {
	return map[string]string{"Content-Type": contentType}
}

// reading are the operations that come to read a manifest where HEAD does not
// name a digest.
func reading() []operation {
	return []operation{resolve, resolveDigest, manifest, manifestByDigest, deleteManifest, resolveAndDelete, bulk}
}

// listing are those that read tags.
func listing() []operation { return []operation{tags, bulk} }

func TestThreatA01EndlessErrorBody(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]error{403: regret.ErrForbidden, 404: nil, 500: regret.ErrUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), all(), func(t *testing.T, s *stage, op operation) {
				s.on("", "", fakeregistry.Flood(status, nil, "no such thing ", "\x1b[31m!"))
				err := op.run(s.ctx(), s.client(), s)
				wantErr(t, err)
				wantNot(t, err, regret.ErrNotFound)
				if kind != nil && op.name != untag.name && op.name != deleteManifest.name { // whose outcome may be unknown
					wantErr(t, err, kind)
				}
				s.wantAtMost(8)
				s.wantWritten(len(s.requests()), regret.DefaultLimits().ErrorBytes)
				s.wantAllThere()
			})
		})
	}
}

func TestThreatA02EndlessManifest(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), reading(), func(t *testing.T, s *stage, op operation) {
		s.on("GET", "/v2/*/manifests/*", fakeregistry.Flood(200, typed(ociImage), `{"schemaVersion":2,"x":"`, "a"))
		err := op.run(s.ctx(), s.client(), s)
		wantErr(t, err, regret.ErrTooLarge)
		wantText(t, err, fmt.Sprint(4<<20))
		s.wantWritten(3, 4<<20)
		s.wantNoWrites()
	}, fakeregistry.WithoutDigestHeader())
}

func TestThreatA03EndlessTags(t *testing.T) {
	t.Parallel()
	whole := regret.DefaultLimits()
	small := regret.DefaultLimits()
	small.PageBytes, small.Entries = 64<<10, 5_000
	for _, test := range []struct {
		name   string
		parts  []string
		limits regret.Limits
	}{
		{"entries", []string{`{"name":"team/app","tags":["a"`, `,"a"`}, small},
		{"one entry", []string{`{"name":"team/app","tags":["`, "a"}, small},
		{"a key", []string{`{"`, "a"}, small},
		{"another key", []string{`{"x":"`, "a"}, small},
		{"numbers", []string{`{"x":[0`, ",0"}, small},
		{"white space", []string{`{`, " "}, small},
		{"after the end", []string{`{"tags":["v1"]}`, " "}, small},
		{"entries up to the default limits", []string{`{"tags":["a"`, `,"a"`}, whole},
		{"one entry up to the default limits", []string{`{"tags":["`, "a"}, whole},
		{"a key up to the default limits", []string{`{"x":"`, "a"}, whole},
		{"white space up to the default limits", []string{`{`, " "}, whole},
		{"the end up to the default limits", []string{`{"tags":["v1"]}`, " "}, whole},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			play := func(t *testing.T, s *stage, op operation) {
				s.on("GET", "", fakeregistry.Flood(200, typed("application/json"), test.parts...))
				wantErr(t, op.run(s.ctx(), s.client(regret.WithLimits(test.limits)), s), regret.ErrIncompleteList)
				s.wantWritten(1, test.limits.PageBytes)
				s.wantAtMost(1)
			}
			if test.limits == whole { // megabytes for each
				if raced {
					return
				}
				inMemory(t, func(t *testing.T, s *stage) { play(t, s, bulk) })
				return
			}
			eachOperation(t, anyWay(), listing(), play)
		})
	}
}

func TestThreatA04EndlessToken(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), all(), func(t *testing.T, s *stage, op operation) {
		s.wantsTokens()
		s.on("", "/token", fakeregistry.Flood(200, nil, `{"token":"`, "a"))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrTooLarge)
		s.wantWritten(1, regret.DefaultLimits().TokenBytes)
		s.wantAtMost(3) // two questions to the registry are one too many already
		s.wantAllThere()
	})
}

// wantsTokens lets the registry ask for a token of its own service, always.
func (s *stage) wantsTokens() {
	s.on("", "", fakeregistry.Answer(401, map[string]string{
		"WWW-Authenticate": `Bearer realm="` + s.origin() + `/token",service="` + host + `"`,
	}, ""))
}

// origin is where the registry is.
func (s *stage) origin() string {
	if s.way == memory {
		return "https://" + host
	}
	return s.name
}

func TestThreatA05DrippingBody(t *testing.T) {
	t.Parallel()
	const chunk = " " // 10 bytes a second, never anything wrong
	for _, test := range []struct {
		path       string
		operations []operation
	}{
		{"/v2/*/manifests/*", reading()},
		{"/v2/*/tags/list", listing()},
		{"/v2/*/referrers/*", []operation{referrers}},
		{"/v2/_catalog*", []operation{repositories}},
	} {
		eachOperation(t, []way{memory}, test.operations, func(t *testing.T, s *stage, op operation) {
			s.on("GET", test.path, fakeregistry.Drip(200, typed(ociImage), chunk, 100*time.Millisecond))
			ctx, cancel := context.WithTimeout(s.ctx(), 7*time.Second)
			defer cancel()
			start := time.Now()
			wantErr(t, op.run(ctx, s.client(), s), context.DeadlineExceeded)
			if took := time.Since(start); took != 7*time.Second {
				t.Errorf("it took %v", took)
			}
			s.wantNoWrites()
		}, fakeregistry.WithoutDigestHeader())
	}
}

func TestThreatA06DrippingError(t *testing.T) {
	t.Parallel()
	eachOperation(t, []way{memory}, all(), func(t *testing.T, s *stage, op operation) {
		retries := regret.DefaultRetries()
		retries.WaitMin, retries.WaitMax = time.Second, time.Second
		s.on("", "", fakeregistry.Drip(503, nil, "wait ", 100*time.Millisecond))
		start := time.Now()
		wantErr(t, op.run(s.ctx(), s.client(regret.WithRetries(retries)), s))
		sent := len(s.requests())
		if took, most := time.Since(start), time.Duration(sent)*3*time.Second; took > most {
			t.Errorf("it took %v, want at most %v", took, most)
		}
		s.wantAtMost(8)
		s.wantWritten(sent, 1<<10)
		s.wantAllThere()
	})
}

// Nor is a success waited for: what of it came is not believed.
func TestThreatA06DrippingSuccess(t *testing.T) {
	t.Parallel()
	eachOperation(t, []way{memory}, []operation{deleteManifest, untag}, func(t *testing.T, s *stage, op operation) {
		s.on("DELETE", "", fakeregistry.Drip(202, nil, " ", 100*time.Millisecond))
		start := time.Now()
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrStillPresent)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		s.wantAllThere()
	})
}

func TestThreatA07GzipBomb(t *testing.T) {
	t.Parallel()
	bomb := bombed(t)
	eachOperation(t, anyWay(), all(), func(t *testing.T, s *stage, op operation) {
		s.on("", "", fakeregistry.Flood(200, map[string]string{"Content-Encoding": "gzip", "Content-Type": ociImage}, bomb))
		err := op.run(s.ctx(), s.client(), s)
		if op.name == untag.name { // a DELETE was answered, nobody knows what
			wantErr(t, err, regret.ErrOutcomeUnknown)
		} else {
			wantErr(t, err, regret.ErrNotRegistry)
			wantText(t, err, "gzip")
		}
		for _, r := range s.registry.Requests() {
			if accepted := r.Header.Get("Accept-Encoding"); accepted != "identity" {
				t.Errorf("accepted %q", accepted)
			}
		}
		s.wantAtMost(2)
		s.wantWritten(2, 8<<10)
		s.wantAllThere()
	})
	t.Run("in an error", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, anyWay(), all(), func(t *testing.T, s *stage, op operation) {
			s.on("", "", fakeregistry.Flood(403, map[string]string{"Content-Encoding": "gzip"}, bomb))
			wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrForbidden)
			s.wantWritten(1, regret.DefaultLimits().ErrorBytes)
		})
	})
}

// bombed is a megabyte of zeros for each kilobyte.
func bombed(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestThreatA08ResetInTheMiddle(t *testing.T) {
	t.Parallel()
	const half = `{"schemaVersion":2,"mediaType":`
	broken := map[string]fault{"an end": func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", ociImage)
		fmt.Fprint(w, half)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return true
		}
		panic(http.ErrAbortHandler)
	}}
	play := func(f func(*stage) fault) func(*testing.T, *stage, operation) {
		return func(t *testing.T, s *stage, op operation) {
			manifests := fakeregistry.On("GET", "/v2/*/manifests/*")
			s.registry.Intercept(2, manifests, f(s))
			if err := op.run(s.ctx(), s.client(), s); err != nil {
				t.Errorf("two attempts fail, the third does not: %v", err)
			}
			writes := len(s.registry.Writes())
			s.registry.Intercept(0, manifests, f(s))
			s.registry.PutImage(repo, "hello", "v1")
			err := op.run(s.ctx(), s.client(), s)
			wantErr(t, err, regret.ErrUnavailable)
			if n := len(s.registry.Writes()); n != writes {
				t.Errorf("%d writes after a manifest that was not read", n-writes)
			}
		}
	}
	for name, f := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), reading(), play(func(*stage) fault { return f }), fakeregistry.WithoutDigestHeader())
		})
	}
	t.Run("a reset", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, []way{http1, plain}, reading(), play(func(s *stage) fault {
			return s.raw(func(w *wire) {
				w.say("HTTP/1.1 200 OK\r\nContent-Type: " + ociImage + "\r\nContent-Length: 400\r\n\r\n" + half)
				w.reset()
			})
		}), fakeregistry.WithoutDigestHeader())
	})
}

func TestThreatA15EndlessHeader(t *testing.T) {
	t.Parallel()
	limit := int64(256 << 10)
	eachOperation(t, []way{http1, plain}, append(all(), ping), func(t *testing.T, s *stage, op operation) {
		s.on("", "", s.raw(func(w *wire) {
			for more := w.say("HTTP/1.1 200 OK\r\n"); more; {
				more = w.say("X-More: " + strings.Repeat("x", 8<<10) + "\r\n")
			}
		}))
		err := op.run(s.ctx(), s.client(), s)
		wantErr(t, err)
		wantText(t, err, "header")
		s.wantAtMost(8)
		s.wantWritten(len(s.requests()), limit)
		s.wantAllThere()
	})
	t.Run("of 9 MiB", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, []way{http1, http2}, []operation{ping, tags, untag}, func(t *testing.T, s *stage, op operation) {
			s.on("", "", fakeregistry.Answer(200, map[string]string{"X-Long": strings.Repeat("x", 9<<20)}, "{}"))
			wantErr(t, op.run(s.ctx(), s.client(regret.WithRetries(regret.Retries{})), s))
			s.wantAtMost(2)
			s.wantAllThere()
		})
	})
}
