package regret_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The ways in which a server of HTTP/2 ends a request without a response. After
// some of them net/http itself sends the request again, a DELETE too, and
// without any limit.
var http2Faults = []struct {
	name  string
	fault http2Fault
	// refused: the client knows that the request was not processed.
	refused bool
}{
	{"RST_STREAM with PROTOCOL_ERROR", resetStream(protocolError), false},
	{"RST_STREAM with REFUSED_STREAM", resetStream(refusedStream), true},
	{"RST_STREAM with INTERNAL_ERROR", resetStream(internalError), false},
	{"RST_STREAM with CANCEL", resetStream(cancelStream), false},
	{"RST_STREAM with ENHANCE_YOUR_CALM", resetStream(enhanceYourCalm), false},
	{"GOAWAY with NO_ERROR before the stream", goAway(noError, false), false},
	{"GOAWAY with NO_ERROR after the stream", goAway(noError, true), false},
	{"GOAWAY with ENHANCE_YOUR_CALM before the stream", goAway(enhanceYourCalm, false), false},
	{"GOAWAY with ENHANCE_YOUR_CALM after the stream", goAway(enhanceYourCalm, true), false},
	{"a connection that is closed", hangUp, false},
}

// An http2Case is an operation, the request of it that gets no response, and
// what must become of it.
type http2Case struct {
	rule     string
	call     func(context.Context, *regret.Client, regret.Digest) error
	resolved bool // the client has resolved the tag
	faulty   func(line string, reg *fakeregistry.Registry, original regret.Digest) bool
	pushed   bool // another client pushes the tag anew as soon as the request is processed

	refused, lost, done http2Outcome // after a refused stream; a request that was not processed; one that was
	always              http2Outcome // if every such request is lost
	check               func(t *testing.T, reg *fakeregistry.Registry, original regret.Digest, err error)
}

// An http2Outcome is an error and how many of the faulty requests were sent.
type http2Outcome struct {
	err  error
	sent int
}

func untagV1(ctx context.Context, c *regret.Client, _ regret.Digest) error {
	return c.Untag(ctx, repo, "v1")
}

func overwriteV1(ctx context.Context, c *regret.Client, _ regret.Digest) error {
	return c.UntagByOverwrite(ctx, repo, "v1")
}

func isDeleteOfTag(line string, _ *fakeregistry.Registry, _ regret.Digest) bool {
	return line == "DELETE "+manifestPath("v1")
}

func isPutOfTag(line string, _ *fakeregistry.Registry, _ regret.Digest) bool {
	return line == "PUT "+manifestPath("v1")
}

// isDeleteAfterOverwriting is the DELETE of UntagByOverwrite's placeholder. What
// it deletes before, to learn whether it may, does not exist.
func isDeleteAfterOverwriting(line string, reg *fakeregistry.Registry, original regret.Digest) bool {
	found, _ := reg.Tag(repo, "v1")
	return strings.HasPrefix(line, "DELETE ") && found != original
}

// wantUntaggedOrUnchanged wants an original that still is there, and its tag if
// there is an error.
func wantUntaggedOrUnchanged(t *testing.T, reg *fakeregistry.Registry, original regret.Digest, err error) {
	t.Helper()
	found, there := reg.Tag(repo, "v1")
	if there != (err != nil) || there && found != original || !reg.HasManifest(repo, original) {
		t.Errorf("the tag points to %q, and the original is there: %v", found, reg.HasManifest(repo, original))
	}
}

var http2Cases = []http2Case{
	{
		rule: "Untag of a tag that was not resolved", call: untagV1, faulty: isDeleteOfTag, check: wantUntaggedOrUnchanged,
		refused: http2Outcome{nil, 2}, lost: http2Outcome{regret.ErrOutcomeUnknown, 1}, done: http2Outcome{nil, 1},
		always: http2Outcome{regret.ErrOutcomeUnknown, 1},
	},
	{
		rule: "Untag of a tag that was resolved", call: untagV1, faulty: isDeleteOfTag, resolved: true, check: wantUntaggedOrUnchanged,
		refused: http2Outcome{nil, 2}, lost: http2Outcome{nil, 2}, done: http2Outcome{nil, 1},
		always: http2Outcome{regret.ErrOutcomeUnknown, 2},
	},
	{
		rule: "Untag of a tag that is pushed anew", call: untagV1, faulty: isDeleteOfTag, pushed: true, check: wantPushedAnew,
		done: http2Outcome{regret.ErrOutcomeUnknown, 1},
	},
	{
		rule: "Untag of a tag that was resolved and is pushed anew", call: untagV1, faulty: isDeleteOfTag, resolved: true, pushed: true, check: wantPushedAnew,
		done: http2Outcome{regret.ErrOutcomeUnknown, 1},
	},
	{
		rule: "DeleteManifest",
		call: func(ctx context.Context, c *regret.Client, original regret.Digest) error {
			return c.DeleteManifest(ctx, repo, original)
		},
		faulty: func(line string, _ *fakeregistry.Registry, original regret.Digest) bool {
			return line == "DELETE "+manifestPath(original)
		},
		refused: http2Outcome{nil, 2}, lost: http2Outcome{nil, 2}, done: http2Outcome{nil, 2},
		always: http2Outcome{regret.ErrUnavailable, 4},
		check: func(t *testing.T, reg *fakeregistry.Registry, original regret.Digest, err error) {
			if there := reg.HasManifest(repo, original); there != (err != nil) {
				t.Errorf("the manifest is there: %v", there)
			}
		},
	},
	{
		rule: "PutManifest by tag",
		call: func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
			return c.PutManifest(ctx, repo, "v1", manifestOf(emptyImage))
		},
		faulty:  isPutOfTag,
		refused: http2Outcome{nil, 2}, lost: http2Outcome{regret.ErrOutcomeUnknown, 1}, done: http2Outcome{regret.ErrOutcomeUnknown, 1},
		always: http2Outcome{regret.ErrOutcomeUnknown, 1},
		check:  func(*testing.T, *fakeregistry.Registry, regret.Digest, error) {},
	},
	{
		rule: "UntagByOverwrite, as it overwrites", call: overwriteV1, faulty: isPutOfTag, check: wantUntaggedOrUnchanged,
		refused: http2Outcome{nil, 2}, lost: http2Outcome{regret.ErrOutcomeUnknown, 1}, done: http2Outcome{nil, 1},
		always: http2Outcome{regret.ErrOutcomeUnknown, 1},
	},
	{
		rule: "UntagByOverwrite, as it deletes", call: overwriteV1, faulty: isDeleteAfterOverwriting, check: wantUntaggedOrUnchanged,
		refused: http2Outcome{nil, 2}, lost: http2Outcome{nil, 2}, done: http2Outcome{nil, 2},
		always: http2Outcome{regret.ErrUnavailable, 4},
	},
}

func wantPushedAnew(t *testing.T, reg *fakeregistry.Registry, original regret.Digest, _ error) {
	t.Helper()
	if found, there := reg.Tag(repo, "v1"); !there || found == original {
		t.Errorf("the tag that was pushed anew points to %q", found)
	}
}

// An http2Run is one call of a case.
type http2Run struct {
	http2Case
	fault     http2Fault
	processed bool // the request is processed before the fault
	always    bool // every such request gets the fault, not only the first one
	warm      bool // the connection has carried a request before
	given     bool // by WithTransport, a transport of net/http's
}

// run calls the operation and returns its error and how many faulty requests
// were sent.
func (r http2Run) run(t *testing.T) (faulty int, err error) {
	t.Helper()
	reg := fakeregistry.New()
	reg.PutBlob(repo, []byte("{}")) // PutManifest's manifest refers to it
	original := reg.PutImage(repo, "hello", "v1").Digest
	server := newHTTP2Server(t, reg)
	attempts := &counter{}
	var base http.RoundTripper
	if r.given {
		base = server.pool()
	}
	c := server.client(t, base, regret.WithTrace(func(a regret.Attempt) {
		attempts.add(a.Method + " " + strings.TrimPrefix(a.URL, "https://"+server.address))
	}))
	ctx := server.context(t.Context())
	if r.warm {
		wantErr(t, c.Ping(ctx))
	}
	if r.resolved {
		_, err := c.ResolveDigest(ctx, repo, "v1")
		wantErr(t, err)
	}
	var hits atomic.Int64
	server.fault = func(line string) (http2Fault, bool) {
		if !r.faulty(line, reg, original) || hits.Add(1) > 1 && !r.always {
			return nil, false
		}
		return func(conn *http2Conn, stream uint32) bool {
			if r.pushed {
				reg.PutImage(repo, "pushed anew", "v1")
			}
			return r.fault(conn, stream)
		}, r.processed
	}
	err = r.call(ctx, c, original)
	faulty = int(hits.Load())
	wantAttempts(t, server, attempts)
	requests, connections := len(server.requests()), len(server.conns())
	if most := 1 + 2*faulty; connections > most {
		t.Errorf("%d connections, want at most %d", connections, most)
	}
	t.Logf("%d requests, %d of them faulty, %d connections", requests, faulty, connections)
	r.check(t, reg, original, err)
	return faulty, err
}

// A counter counts requests by method and path.
type counter struct {
	mu    sync.Mutex
	lines map[string]int
}

func (c *counter) add(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil {
		c.lines = map[string]int{}
	}
	c.lines[line]++
}

// wantAttempts wants as many requests on the wire as the client has seen
// attempts, and at most four of each.
func wantAttempts(t *testing.T, server *http2Server, attempts *counter) {
	t.Helper()
	var wire counter
	for _, line := range server.requests() {
		wire.add(line)
	}
	attempts.mu.Lock()
	defer attempts.mu.Unlock()
	if diff := cmp.Diff(attempts.lines, wire.lines); diff != "" {
		t.Errorf("attempts and requests on the wire (-attempts +requests):\n%s", diff)
	}
	for line, n := range wire.lines {
		if n > 4 {
			t.Errorf("%d times %s", n, line)
		}
	}
}

// Whatever net/http would send again by itself, a request on the wire is an
// attempt of this library, and its outcome is never guessed.
func TestHTTP2RequestsWithoutAResponse(t *testing.T) {
	t.Parallel()
	for _, test := range http2Cases {
		for _, f := range http2Faults {
			for _, pool := range []struct {
				name        string
				warm, given bool
			}{{"", false, false}, {", after a ping", true, false}, {", given transport", true, true}} {
				run := func(how string, always, processed bool, want http2Outcome) {
					rule := test.rule + ", " + f.name + ", " + how + pool.name
					t.Run(rule, func(t *testing.T) {
						t.Parallel()
						faulty, err := http2Run{test, f.fault, processed, always, pool.warm, pool.given}.run(t)
						if want.err == nil {
							wantErr(t, err)
						} else {
							wantErr(t, err, want.err)
						}
						if want.err != regret.ErrOutcomeUnknown {
							wantNot(t, err, regret.ErrOutcomeUnknown)
						}
						if faulty != want.sent {
							t.Errorf("%d requests of the kind, want %d", faulty, want.sent)
						}
					})
				}
				switch {
				case test.pushed && !f.refused:
					run("once, processed", false, true, test.done)
				case test.pushed:
				case f.refused:
					run("once", false, false, test.refused)
					run("always", true, false, http2Outcome{regret.ErrUnavailable, 4})
				default:
					run("once, not processed", false, false, test.lost)
					run("once, processed", false, true, test.done)
					run("always, not processed", true, false, test.always)
				}
			}
		}
	}
}

// A server that never responds is asked a bounded number of times, over a
// bounded number of connections.
func TestHTTP2ServersThatNeverRespond(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule          string
		call          func(context.Context, *regret.Client, regret.Digest) error
		lost, refused http2Outcome
	}{
		{"ResolveDigest", func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
			_, err := c.ResolveDigest(ctx, repo, "v1")
			return err
		}, http2Outcome{regret.ErrUnavailable, 4}, http2Outcome{regret.ErrUnavailable, 4}},
		{"Untag, and the look after it", untagV1,
			http2Outcome{regret.ErrOutcomeUnknown, 1 + 4}, http2Outcome{regret.ErrUnavailable, 4}},
		{"the look before DeleteManifest", func(ctx context.Context, c *regret.Client, original regret.Digest) error {
			return c.DeleteManifest(ctx, repo, original)
		}, http2Outcome{regret.ErrUnavailable, 4}, http2Outcome{regret.ErrUnavailable, 4}},
		{"PutManifest", func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
			return c.PutManifest(ctx, repo, "v1", manifestOf(emptyImage))
		}, http2Outcome{regret.ErrOutcomeUnknown, 1}, http2Outcome{regret.ErrUnavailable, 4}},
	} {
		for _, f := range http2Faults {
			for _, warm := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, after a ping %v", test.rule, f.name, warm), func(t *testing.T) {
					t.Parallel()
					run := http2Run{fault: f.fault, always: true, warm: warm, http2Case: http2Case{
						call:   test.call,
						faulty: func(string, *fakeregistry.Registry, regret.Digest) bool { return true },
						check:  func(*testing.T, *fakeregistry.Registry, regret.Digest, error) {},
					}}
					faulty, err := run.run(t)
					want := test.lost
					if f.refused {
						want = test.refused
					}
					wantErr(t, err, want.err)
					if faulty != want.sent {
						t.Errorf("%d requests, want %d", faulty, want.sent)
					}
				})
			}
		}
	}
}

// A client cannot know that the server has not read what it wrote.
func TestHTTP2ServersThatReadNoRequest(t *testing.T) {
	t.Parallel()
	for name, greeting := range map[string]http2Fault{
		"GOAWAY with NO_ERROR":           goAway(noError, false),
		"GOAWAY with ENHANCE_YOUR_CALM":  goAway(enhanceYourCalm, false),
		"a connection that is closed":    hangUp,
		"a connection closed with a RST": func(conn *http2Conn, _ uint32) bool { conn.Close(); return false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newHTTP2Server(t, fakeregistry.New())
			server.greeting = greeting
			var attempts counter
			c := server.client(t, nil, regret.WithTrace(func(a regret.Attempt) { attempts.add(a.Method) }))
			err := c.Untag(server.context(t.Context()), repo, "v1")
			wantErr(t, err, regret.ErrOutcomeUnknown)
			if diff := cmp.Diff(map[string]int{"DELETE": 1, "HEAD": 4}, attempts.lines); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
			if requests, connections := len(server.requests()), len(server.conns()); requests > 0 || connections > 5*10 { // if the client sees that before it writes, net/http takes the next one
				t.Errorf("%d requests, %d connections", requests, connections)
			}
		})
	}
}
