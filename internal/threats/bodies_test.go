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

// ociImage is the media type of the images in these tests.
const ociImage = ocispec.MediaTypeImageManifest

func typed(contentType string) map[string]string {
	return map[string]string{"Content-Type": contentType}
}

// manifestOperations returns the operations that read a manifest if HEAD returns no digest.
func manifestOperations() []operation {
	return []operation{resolve, resolveDigest, manifest, manifestByDigest, deleteManifest, resolveAndDelete, bulkDelete}
}

// tagListOperations returns the operations that list tags.
func tagListOperations() []operation { return []operation{tags, bulkDelete} }

func TestThreatA01EndlessErrorBody(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]error{403: regret.ErrForbidden, 404: nil, 500: regret.ErrUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), allOperations(), func(t *testing.T, s *testServer, op operation) {
				s.intercept("", "", fakeregistry.Flood(status, nil, "no such thing ", "\x1b[31m!"))
				err := op.run(s.ctx(), s.client(), s)
				wantErr(t, err)
				wantNot(t, err, regret.ErrNotFound)
				if kind != nil && op.name != untag.name && op.name != deleteManifest.name { // their outcome may be unknown
					wantErr(t, err, kind)
				}
				s.wantRequestsAtMost(8)
				s.wantWrittenAtMost(len(s.requestLog()), regret.DefaultLimits().ErrorBytes)
				s.wantNothingDeleted()
			})
		})
	}
}

func TestThreatA02EndlessManifest(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), manifestOperations(), func(t *testing.T, s *testServer, op operation) {
		s.intercept("GET", "/v2/*/manifests/*", fakeregistry.Flood(200, typed(ociImage), `{"schemaVersion":2,"x":"`, "a"))
		err := op.run(s.ctx(), s.client(), s)
		wantErr(t, err, regret.ErrTooLarge)
		wantText(t, err, fmt.Sprint(4<<20))
		s.wantWrittenAtMost(3, 4<<20)
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
		{"white space in an object", []string{`{`, " "}, small},
		{"white space after the end", []string{`{"tags":["v1"]}`, " "}, small},
		{"entries up to the default limits", []string{`{"tags":["a"`, `,"a"`}, whole},
		{"one entry up to the default limits", []string{`{"tags":["`, "a"}, whole},
		{"a key up to the default limits", []string{`{"x":"`, "a"}, whole},
		{"white space in an object up to the default limits", []string{`{`, " "}, whole},
		{"white space after the end up to the default limits", []string{`{"tags":["v1"]}`, " "}, whole},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			run := func(t *testing.T, s *testServer, op operation) {
				s.intercept("GET", "", fakeregistry.Flood(200, typed("application/json"), test.parts...))
				wantErr(t, op.run(s.ctx(), s.client(regret.WithLimits(test.limits)), s), regret.ErrIncompleteList)
				s.wantWrittenAtMost(1, test.limits.PageBytes)
				s.wantRequestsAtMost(1)
			}
			if test.limits == whole { // these scenarios take megabytes each
				if raceEnabled {
					return
				}
				inMemory(t, func(t *testing.T, s *testServer) { run(t, s, bulkDelete) })
				return
			}
			eachOperation(t, allTransports(), tagListOperations(), run)
		})
	}
}

func TestThreatA04EndlessToken(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), allOperations(), func(t *testing.T, s *testServer, op operation) {
		s.challengeAlways()
		s.intercept("", "/token", fakeregistry.Flood(200, nil, `{"token":"`, "a"))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrTooLarge)
		s.wantWrittenAtMost(1, regret.DefaultLimits().TokenBytes)
		s.wantRequestsAtMost(3) // one request to the registry would be enough
		s.wantNothingDeleted()
	})
}

// challengeAlways makes the registry answer every request with a challenge for a token of its own
// token service.
func (s *testServer) challengeAlways() {
	s.intercept("", "", fakeregistry.Answer(401, map[string]string{
		"WWW-Authenticate": `Bearer realm="` + s.origin() + `/token",service="` + host + `"`,
	}, ""))
}

// origin returns the origin of the registry.
func (s *testServer) origin() string {
	if s.transport == memory {
		return "https://" + host
	}
	return s.name
}

func TestThreatA05DrippingBody(t *testing.T) {
	t.Parallel()
	const chunk = " " // 10 bytes a second of valid JSON
	for _, test := range []struct {
		path       string
		operations []operation
	}{
		{"/v2/*/manifests/*", manifestOperations()},
		{"/v2/*/tags/list", tagListOperations()},
		{"/v2/*/referrers/*", []operation{referrers}},
		{"/v2/_catalog*", []operation{repositories}},
	} {
		eachOperation(t, []transport{memory}, test.operations, func(t *testing.T, s *testServer, op operation) {
			s.intercept("GET", test.path, fakeregistry.Drip(200, typed(ociImage), chunk, 100*time.Millisecond))
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
	eachOperation(t, []transport{memory}, allOperations(), func(t *testing.T, s *testServer, op operation) {
		retries := regret.DefaultRetries()
		retries.WaitMin, retries.WaitMax = time.Second, time.Second
		s.intercept("", "", fakeregistry.Drip(503, nil, "wait ", 100*time.Millisecond))
		start := time.Now()
		wantErr(t, op.run(s.ctx(), s.client(regret.WithRetries(retries)), s))
		sent := len(s.requestLog())
		if took, most := time.Since(start), time.Duration(sent)*3*time.Second; took > most {
			t.Errorf("it took %v, want at most %v", took, most)
		}
		s.wantRequestsAtMost(8)
		s.wantWrittenAtMost(sent, 1<<10)
		s.wantNothingDeleted()
	})
}

// The client does not wait for a slow success response either, and does not trust a part of it.
func TestThreatA06DrippingSuccess(t *testing.T) {
	t.Parallel()
	eachOperation(t, []transport{memory}, []operation{deleteManifest, untag}, func(t *testing.T, s *testServer, op operation) {
		s.intercept("DELETE", "", fakeregistry.Drip(202, nil, " ", 100*time.Millisecond))
		start := time.Now()
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrStillPresent)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		s.wantNothingDeleted()
	})
}

func TestThreatA07GzipBomb(t *testing.T) {
	t.Parallel()
	bomb := gzipBomb(t)
	eachOperation(t, allTransports(), allOperations(), func(t *testing.T, s *testServer, op operation) {
		s.intercept("", "", fakeregistry.Flood(200, map[string]string{"Content-Encoding": "gzip", "Content-Type": ociImage}, bomb))
		err := op.run(s.ctx(), s.client(), s)
		if op.name == untag.name { // the response to its DELETE is unreadable
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
		s.wantRequestsAtMost(2)
		s.wantWrittenAtMost(2, 8<<10)
		s.wantNothingDeleted()
	})
	t.Run("in an error response", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, allTransports(), allOperations(), func(t *testing.T, s *testServer, op operation) {
			s.intercept("", "", fakeregistry.Flood(403, map[string]string{"Content-Encoding": "gzip"}, bomb))
			wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrForbidden)
			s.wantWrittenAtMost(1, regret.DefaultLimits().ErrorBytes)
		})
	})
}

// gzipBomb returns a megabyte of zeros compressed to a kilobyte.
func gzipBomb(t *testing.T) string {
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

func TestThreatA08ConnectionLostInBody(t *testing.T) {
	t.Parallel()
	const half = `{"schemaVersion":2,"mediaType":`
	broken := map[string]fault{"an aborted response": func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", ociImage)
		fmt.Fprint(w, half)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return true
		}
		panic(http.ErrAbortHandler)
	}}
	runWith := func(f func(*testServer) fault) func(*testing.T, *testServer, operation) {
		return func(t *testing.T, s *testServer, op operation) {
			manifests := fakeregistry.On("GET", "/v2/*/manifests/*")
			s.registry.Intercept(2, manifests, f(s))
			if err := op.run(s.ctx(), s.client(), s); err != nil {
				t.Errorf("error although only two attempts failed: %v", err)
			}
			writes := len(s.registry.Writes())
			s.registry.Intercept(0, manifests, f(s))
			s.registry.PutImage(repo, "hello", "v1")
			err := op.run(s.ctx(), s.client(), s)
			wantErr(t, err, regret.ErrUnavailable)
			if n := len(s.registry.Writes()); n != writes {
				t.Errorf("%d writes although no manifest could be read", n-writes)
			}
		}
	}
	for name, f := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), manifestOperations(), runWith(func(*testServer) fault { return f }), fakeregistry.WithoutDigestHeader())
		})
	}
	t.Run("a reset", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, []transport{http1, plainHTTP}, manifestOperations(), runWith(func(s *testServer) fault {
			return s.rawResponse(func(w *rawConn) {
				w.send("HTTP/1.1 200 OK\r\nContent-Type: " + ociImage + "\r\nContent-Length: 400\r\n\r\n" + half)
				w.reset()
			})
		}), fakeregistry.WithoutDigestHeader())
	})
}

func TestThreatA15EndlessHeader(t *testing.T) {
	t.Parallel()
	limit := int64(256 << 10)
	eachOperation(t, []transport{http1, plainHTTP}, append(allOperations(), ping), func(t *testing.T, s *testServer, op operation) {
		s.intercept("", "", s.rawResponse(func(w *rawConn) {
			for more := w.send("HTTP/1.1 200 OK\r\n"); more; {
				more = w.send("X-More: " + strings.Repeat("x", 8<<10) + "\r\n")
			}
		}))
		err := op.run(s.ctx(), s.client(), s)
		wantErr(t, err)
		wantText(t, err, "header")
		s.wantRequestsAtMost(8)
		s.wantWrittenAtMost(len(s.requestLog()), limit)
		s.wantNothingDeleted()
	})
	t.Run("of 9 MiB", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, []transport{http1, http2}, []operation{ping, tags, untag}, func(t *testing.T, s *testServer, op operation) {
			s.intercept("", "", fakeregistry.Answer(200, map[string]string{"X-Long": strings.Repeat("x", 9<<20)}, "{}"))
			wantErr(t, op.run(s.ctx(), s.client(regret.WithRetries(regret.Retries{})), s))
			s.wantRequestsAtMost(2)
			s.wantNothingDeleted()
		})
	})
}
