package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestContentIsReadWithinItsLimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		limit   int64
		steps   []step
		content string
		problem Problem
		sent    int
	}{
		{"content of the limit's length", 5, []step{respond(200, "12345")}, "12345", 0, 1},
		{"no content", 5, []step{respond(200, "")}, "", 0, 1},
		{"content beyond the limit is refused, and not asked for again", 5, []step{respond(200, "123456")}, "", TooLarge, 1},
		{"content that is cut off is asked for again", 5, []step{cutOff("123", errReset), respond(200, "12345")}, "12345", 0, 2},
		{"an encoding is refused", 5, []step{respond(200, "12345", "Content-Encoding", "gzip")}, "", Encoded, 1},
		{"no encoding by name is accepted", 5, []step{respond(200, "12345", "Content-Encoding", "identity")}, "12345", 0, 1},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			s := newServer(test.steps...)
			r := get()
			r.Limit = test.limit
			resp, failure := newClient(s, withRetries(atOnce)).Do(t.Context(), r)
			if n := len(s.requests()); n != test.sent {
				t.Errorf("%d requests, want %d", n, test.sent)
			}
			if test.problem != 0 {
				fault, ok := errors.AsType[*Fault](failure.Err)
				if !ok || fault.Problem != test.problem || failure.StatusCode != 200 || failure.Ambiguous != (test.problem == Encoded) {
					t.Errorf("%+v", failure)
				}
				if fault.OutOfTime() || fault.Unwrap() == nil || fault.Error() == "" {
					t.Errorf("%+v", fault)
				}
				return
			}
			if failure != nil {
				t.Fatalf("%+v", failure)
			}
			if string(resp.Content) != test.content || resp.Attempts != test.sent || resp.Body != http.NoBody {
				t.Errorf("content %q after %d attempts", resp.Content, resp.Attempts)
			}
		})
	}
}

// cutOff responds with the beginning of a body.
func cutOff(begin string, err error) step {
	return func(req *http.Request) (*http.Response, error) {
		resp, _ := respond(200, "")(req)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(begin), errorReader{err}))
		return resp, nil
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestContentThatIsAlwaysCutOffIsAFailure(t *testing.T) {
	t.Parallel()
	r := get()
	r.Limit = 100
	f := refuse(t, t.Context(), newClient(newServer(cutOff("123", errReset)), withRetries(atOnce)), r)
	if f.Attempts != 4 || !errors.Is(f.Err, errReset) {
		t.Errorf("%+v", f)
	}
}

func TestAResponseWithoutALimitIsNotRead(t *testing.T) {
	t.Parallel()
	resp, failure := newClient(newServer(cutOff("123", errReset))).Do(t.Context(), get())
	if failure != nil {
		t.Fatalf("%+v", failure)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != "123" || !errors.Is(err, errReset) {
		t.Errorf("%q, %v", got, err)
	}
	if resp.Content != nil {
		t.Errorf("content %q", resp.Content)
	}
}

func TestAnErrorResponseIsCutAtItsLimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		body  string
		want  string
		whole bool
	}{
		{"shorter than the limit", "1234", "1234", true},
		{"longer than the limit", "123456", "12345", false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			f := refuse(t, t.Context(), newClient(newServer(respond(404, test.body, "X", "y")), func(c *Config) { c.ErrorBytes = 5 }), get())
			if string(f.Body) != test.want || f.Whole != test.whole || f.Header.Get("X") != "y" {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestAnErrorResponseThatDripsIsCutAfterTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		f := refuse(t, t.Context(), newClient(newServer(func(req *http.Request) (*http.Response, error) {
			resp, err := respond(404, "")(req)
			resp.Body = closing(req.Context())
			return resp, err
		})), get())
		if took := time.Since(start); took != 2*time.Second || f.StatusCode != 404 || f.Whole {
			t.Errorf("after %v: %+v", took, f)
		}
	})
}

// closing is a body that ends when it is closed.
func closing(ctx context.Context) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	return closingBody{untilDone{ctx}, cancel}
}

type closingBody struct {
	untilDone
	cancel func()
}

func (b closingBody) Close() error { b.cancel(); return nil }

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	var bodies []string
	var headers []http.Header
	record := func(next step) step {
		return func(req *http.Request) (*http.Response, error) {
			headers = append(headers, req.Header.Clone())
			if req.ContentLength != int64(len("manifest")) {
				t.Errorf("length %d", req.ContentLength)
			}
			for _, open := range []func() (io.ReadCloser, error){func() (io.ReadCloser, error) { return req.Body, nil }, req.GetBody} {
				body, err := open()
				if err != nil {
					t.Fatal(err)
				}
				raw, _ := io.ReadAll(body)
				bodies = append(bodies, string(raw))
			}
			req.Header.Set("Content-Type", "spoilt") // as a transport must not
			return next(req)
		}
	}
	r := &Request{
		Method: http.MethodPut, Path: "/v2/team/app/manifests/a b", Query: "x=%2F", Repeatable: true,
		Header: http.Header{"Content-Type": {"type"}}, Body: []byte("manifest"), Authorization: &authorization{first: "Basic x"},
	}
	s := newServer(record(respond(500, "")), record(respond(201, "")))
	succeed(t, newClient(s, withRetries(atOnce)), r)
	want := http.Header{"Content-Type": {"type"}, "User-Agent": {"test agent"}, "Accept-Encoding": {"identity"}, "Authorization": {"Basic x"}}
	if diff := cmp.Diff([]http.Header{want, want}, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"manifest", "manifest", "manifest", "manifest"}, bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"PUT " + registryURL + "/v2/team/app/manifests/a%20b?x=%2F", "PUT " + registryURL + "/v2/team/app/manifests/a%20b?x=%2F"}, s.lines()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(http.Header{"Content-Type": {"type"}}, r.Header); diff != "" {
		t.Errorf("the caller's header was modified (-want +got):\n%s", diff)
	}
}

func TestAPathIsSentAsAServerEscapedIt(t *testing.T) {
	t.Parallel()
	s := newServer(respond(201, ""))
	succeed(t, newClient(s), &Request{Method: http.MethodPut, Path: "/up/a/b c", RawPath: "/up/a%2Fb%20c", Query: "_state=x%3D"})
	if diff := cmp.Diff([]string{"PUT " + registryURL + "/up/a%2Fb%20c?_state=x%3D"}, s.lines()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAnEmptyBodyIsNone(t *testing.T) {
	t.Parallel()
	for rule, content := range map[string][]byte{"no slice": nil, "an empty slice": {}} {
		s := newServer(func(req *http.Request) (*http.Response, error) {
			if req.Body != nil || req.ContentLength != 0 {
				t.Errorf("%s: body %v of length %d", rule, req.Body, req.ContentLength)
			}
			return respond(201, "")(req)
		})
		succeed(t, newClient(s), &Request{Method: http.MethodPut, Path: "/up", Body: content})
	}
}

func TestARetryIsLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newServer(fail(errors.New("dial c4n4ry-secret\nfailed")), respond(502, ""), respond(200, ""))
	c := newClient(s, withRetries(atOnce), logTo(&log, slog.LevelWarn))
	c.config.Secrets.Add("c4n4ry-secret")
	succeed(t, c, get())
	want := `level=WARN msg=retry op=read repository=team/app attempt=1 status=0 error="dial [redacted] failed"
level=WARN msg=retry op=read repository=team/app attempt=2 status=502
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// logTo writes a log without times.
func logTo(w io.Writer, level slog.Level) func(*Config) {
	return func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "took" {
				return slog.Attr{}
			}
			return a
		}}))
	}
}
