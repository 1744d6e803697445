package threats_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// interceptDeletes makes the faults answer the next DELETEs, in order.
func (s *testServer) interceptDeletes(faults ...fault) {
	for i := len(faults) - 1; i >= 0; i-- { // the newest interceptor comes first
		s.registry.Intercept(1, fakeregistry.On("DELETE", "/v2/"), faults[i])
	}
}

// afterServing returns a fault that lets the registry handle the request and replaces the response.
func (s *testServer) afterServing(f fault) fault {
	return func(w http.ResponseWriter, req *http.Request) bool {
		s.registry.Serve(httptest.NewRecorder(), req)
		return f(w, req)
	}
}

// requestSummary returns the methods and status codes of all requests, as in "HEAD 200, DELETE 202".
func (s *testServer) requestSummary() string {
	var lines []string
	for _, r := range s.registry.Requests() {
		line := fmt.Sprint(r.Method, " ", r.Status)
		if r.Lost {
			line += " lost"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// A deletionCase is a deletion and its expected outcome.
type deletionCase struct {
	op       operation
	faults   func(s *testServer) []fault // answer the DELETEs
	want     []error                     // none if the deletion succeeds
	requests string
	deleted  bool // whether the tag is deleted
}

// runDeletions runs each case over all transports. It also checks that nothing else was deleted.
func runDeletions(t *testing.T, tests ...deletionCase) {
	t.Helper()
	for _, tt := range tests {
		eachOperation(t, allTransports(), []operation{tt.op}, func(t *testing.T, s *testServer, op operation) {
			s.interceptDeletes(tt.faults(s)...)
			err := op.run(s.ctx(), s.client(), s)
			if len(tt.want) == 0 && err != nil || len(tt.want) > 0 && err == nil {
				t.Fatalf("error: %v, want %v", err, tt.want)
			}
			if err != nil {
				wantErr(t, err, tt.want...)
			}
			if diff := cmp.Diff(tt.requests, s.requestSummary()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if _, there := s.registry.Tag(repo, "v1"); there == tt.deleted {
				t.Errorf("the tag exists: %t, want %t", there, !tt.deleted)
			}
			if op.name == untag.name {
				s.wantManifestKept()
			}
			if at, _ := s.registry.Tag(repo, "v2"); at != s.other.Digest || !s.registry.HasManifest(repo, at) {
				t.Error("the other image was deleted")
			}
		})
	}
}

// wantManifestKept checks that the image and its other tag still exist.
func (s *testServer) wantManifestKept() {
	s.t.Helper()
	if at, _ := s.registry.Tag(repo, "latest"); at != s.image.Digest || !s.registry.HasManifest(repo, at) {
		s.t.Error("more than the tag was deleted")
	}
}

// answers returns the given faults, for a deletionCase.
func answers(faults ...fault) func(*testServer) []fault {
	return func(*testServer) []fault { return faults }
}

// answersAfterDeleting returns one fault that lets the registry delete and then replaces the response.
func answersAfterDeleting(f fault) func(*testServer) []fault {
	return func(s *testServer) []fault { return []fault{s.afterServing(f)} }
}

// answersRepeatedly returns the same fault for every attempt that the default retries allow.
func answersRepeatedly(f fault) func(*testServer) []fault { return answers(f, f, f, f) }

// emptyResponse returns a response without a body.
func emptyResponse(status int) fault { return fakeregistry.Answer(status, nil, "") }

// errorResponse returns a response with a registry's error code.
func errorResponse(status int, code string) fault {
	return fakeregistry.Errors(status, code, "because")
}

// wantRedirectRefused checks that the client does not follow a redirect of a DELETE.
func wantRedirectRefused(t *testing.T, location func(s *testServer, x *otherServer) string, statuses ...int) {
	t.Helper()
	for _, status := range statuses {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, socketTransports(), append(writeOperations(), deleteManifest), func(t *testing.T, s *testServer, op operation) {
				x := s.startOtherServer(s.transport, serveContent)
				s.intercept("DELETE", "", fakeregistry.Redirect(status, location(s, x)))
				err := op.run(s.ctx(), s.client(regret.WithToken(authToken)), s)
				if e := wantErr(t, err, regret.ErrRedirect); e.StatusCode != status {
					t.Errorf("status code %d, want %d", e.StatusCode, status)
				}
				wantNot(t, err, regret.ErrOutcomeUnknown)
				x.wantReceived(t, 0)
				s.wantRequestsAtMost(2)
				s.wantNothingDeleted()
			})
		})
	}
}

func TestThreatD01DeleteRedirectedWithAnotherMethod(t *testing.T) {
	t.Parallel()
	wantRedirectRefused(t, func(*testServer, *otherServer) string { return "/v2/" + repo + "/manifests/v2" }, 301, 302, 303)
}

func TestThreatD02DeleteRedirectedWithTheSameMethod(t *testing.T) {
	t.Parallel()
	wantRedirectRefused(t, func(*testServer, *otherServer) string { return "/v2/" + repo + "/manifests/v2" }, 307, 308)
}

func TestThreatD03DeleteRedirectedToAnotherOrigin(t *testing.T) {
	t.Parallel()
	wantRedirectRefused(t, func(_ *testServer, x *otherServer) string { return x.origin + "/v2/" + repo + "/manifests/v1" }, 301, 302, 303, 307, 308)
}

func TestThreatD04UnexpectedSuccessStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 204} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			runDeletions(t,
				deletionCase{deleteManifest, answers(emptyResponse(status)), []error{regret.ErrStillPresent}, fmt.Sprintf("HEAD 200, DELETE %d, HEAD 200", status), false},
				deletionCase{untag, answers(emptyResponse(status)), []error{regret.ErrStillPresent}, fmt.Sprintf("DELETE %d, HEAD 200", status), false})
		})
		t.Run(fmt.Sprint(status, " and deleted"), func(t *testing.T) {
			t.Parallel()
			runDeletions(t,
				deletionCase{deleteManifest, answersAfterDeleting(emptyResponse(status)), nil, fmt.Sprintf("HEAD 200, DELETE %d, HEAD 404, GET 404", status), true},
				deletionCase{untag, answersAfterDeleting(emptyResponse(status)), nil, fmt.Sprintf("DELETE %d, HEAD 404, GET 404", status), true})
		})
	}
	for _, status := range []int{201, 203, 206, 226, 299} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			runDeletions(t,
				deletionCase{deleteManifest, answers(emptyResponse(status)), []error{regret.ErrNotRegistry}, fmt.Sprintf("HEAD 200, DELETE %d", status), false},
				deletionCase{untag, answers(emptyResponse(status)), []error{regret.ErrNotRegistry}, fmt.Sprintf("DELETE %d", status), false})
		})
	}
}

// A 202 whose body lists errors is not a success.
func TestThreatD05AcceptedWithErrors(t *testing.T) {
	t.Parallel()
	runDeletions(t,
		deletionCase{deleteManifest, answers(errorResponse(202, "UNKNOWN")), []error{regret.ErrStillPresent, regret.CodeUnknown}, "HEAD 200, DELETE 202, HEAD 200", false},
		deletionCase{untag, answers(errorResponse(202, "UNKNOWN")), []error{regret.ErrStillPresent, regret.CodeUnknown}, "DELETE 202, HEAD 200", false})
}

// WithVerification detects that a 202 deleted nothing.
func TestThreatD05AcceptedButStillPresent(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), []operation{deleteManifest, resolveAndDelete, untag}, func(t *testing.T, s *testServer, op operation) {
		s.interceptDeletes(emptyResponse(202))
		wantErr(t, op.run(s.ctx(), s.client(regret.WithVerification()), s), regret.ErrStillPresent)
		s.wantNothingDeleted()
	})
}

func TestThreatD06LostResponseThenNotFound(t *testing.T) {
	t.Parallel()
	lose := func(s *testServer) []fault { return []fault{s.registry.LoseResponse()} }
	runDeletions(t,
		deletionCase{deleteManifest, lose, nil, "HEAD 200, DELETE 202 lost, DELETE 404, HEAD 404, GET 404", true},
		deletionCase{untag, lose, nil, "DELETE 202 lost, HEAD 404, GET 404", true})
}

func TestThreatD07DeleteFailsForever(t *testing.T) {
	t.Parallel()
	runDeletions(t,
		deletionCase{deleteManifest, answersRepeatedly(errorResponse(500, "UNKNOWN")), []error{regret.ErrUnavailable, regret.CodeUnknown},
			"HEAD 200, DELETE 500, DELETE 500, DELETE 500, DELETE 500, HEAD 200", false},
		deletionCase{untag, answersRepeatedly(errorResponse(500, "UNKNOWN")), []error{regret.ErrOutcomeUnknown, regret.CodeUnknown}, "DELETE 500, HEAD 200", false})
}

func TestThreatD08ServerErrorThenNotFound(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			runDeletions(t,
				deletionCase{deleteManifest, answersAfterDeleting(emptyResponse(status)), nil, fmt.Sprintf("HEAD 200, DELETE %d, DELETE 404, HEAD 404, GET 404", status), true},
				deletionCase{untag, answersAfterDeleting(emptyResponse(status)), nil, fmt.Sprintf("DELETE %d, HEAD 404, GET 404", status), true})
		})
	}
}

func TestThreatD10AcceptedForAnotherDigest(t *testing.T) {
	t.Parallel()
	other := fakeregistry.Answer(202, map[string]string{"Docker-Content-Digest": "sha256:" + strings.Repeat("0", 64)}, "")
	runDeletions(t,
		deletionCase{deleteManifest, answers(other), []error{regret.ErrStillPresent}, "HEAD 200, DELETE 202, HEAD 200", false},
		deletionCase{deleteManifest, answersAfterDeleting(other), []error{regret.ErrOutcomeUnknown}, "HEAD 200, DELETE 202, HEAD 404, GET 404", true})
}

func TestThreatD11NotFoundFromAProxy(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{
		"HTML":                     fakeregistry.Answer(404, map[string]string{"Content-Type": "text/html"}, "<html>not found"),
		"an empty body":            emptyResponse(404),
		"a body in another format": fakeregistry.Answer(404, map[string]string{"Content-Type": "application/json"}, `{"code":"NOT_FOUND"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), []operation{deleteManifest, untag}, func(t *testing.T, s *testServer, op operation) {
				s.interceptDeletes(f)
				err := op.run(s.ctx(), s.client(), s)
				wantErr(t, err)
				wantNot(t, err, regret.ErrNotFound)
				s.wantNothingDeleted()
			})
		})
	}
}

func TestThreatD12DeletionDisabled(t *testing.T) {
	t.Parallel()
	// A 405 for a tag may refer to all deletions or only to those of tags. It has no kind unless the
	// client knows the registry's wording.
	for status, ofTag := range map[int]error{400: regret.ErrTagDeleteUnsupported, 405: regret.CodeUnsupported} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			runDeletions(t,
				deletionCase{deleteManifest, answers(errorResponse(status, "UNSUPPORTED")), []error{regret.ErrDeleteDisabled}, fmt.Sprintf("HEAD 200, DELETE %d", status), false},
				deletionCase{checkDelete, answers(errorResponse(status, "UNSUPPORTED")), []error{regret.ErrDeleteDisabled}, fmt.Sprintf("DELETE %d", status), false},
				deletionCase{untag, answers(errorResponse(status, "UNSUPPORTED")), []error{ofTag}, fmt.Sprintf("DELETE %d", status), false})
		})
	}
}

func TestThreatD16UnavailableOnce(t *testing.T) {
	t.Parallel()
	runDeletions(t,
		deletionCase{deleteManifest, answers(errorResponse(503, "UNAVAILABLE")), nil, "HEAD 200, DELETE 503, DELETE 202", true},
		deletionCase{untag, answers(errorResponse(503, "UNAVAILABLE")), nil, "DELETE 503, DELETE 202", true})
}
