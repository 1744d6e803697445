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

// deletes lets faults answer the next DELETEs, in their order.
func (s *stage) deletes(faults ...fault) {
	for i := len(faults) - 1; i >= 0; i-- { // the newest is asked first
		s.registry.Intercept(1, fakeregistry.On("DELETE", "/v2/"), faults[i])
	}
}

// done lets the registry do its work, and answers something else.
func (s *stage) done(f fault) fault {
	return func(w http.ResponseWriter, req *http.Request) bool {
		s.registry.Serve(httptest.NewRecorder(), req)
		return f(w, req)
	}
}

// sent are the requests about a reference, in short: "HEAD 200, DELETE 202".
func (s *stage) sent() string {
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

// A deletion is what becomes of one, however it is asked for.
type deletion struct {
	op     operation
	faults func(s *stage) []fault // of the DELETEs
	want   []error                // none: it succeeds
	sent   string
	gone   bool // whether it is gone
}

func deleted(t *testing.T, tests ...deletion) {
	t.Helper()
	for _, tt := range tests {
		eachOperation(t, anyWay(), []operation{tt.op}, func(t *testing.T, s *stage, op operation) {
			s.deletes(tt.faults(s)...)
			err := op.run(s.ctx(), s.client(), s)
			if len(tt.want) == 0 && err != nil || len(tt.want) > 0 && err == nil {
				t.Fatalf("error: %v, want %v", err, tt.want)
			}
			if err != nil {
				wantErr(t, err, tt.want...)
			}
			if diff := cmp.Diff(tt.sent, s.sent()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if _, there := s.registry.Tag(repo, "v1"); there == tt.gone {
				t.Errorf("the tag is there: %t", there)
			}
			if op.name == untag.name {
				s.wantManifest()
			}
			if at, _ := s.registry.Tag(repo, "v2"); at != s.other.Digest || !s.registry.HasManifest(repo, at) {
				t.Error("the other image is gone")
			}
		})
	}
}

// wantManifest wants the image and its other tag.
func (s *stage) wantManifest() {
	s.t.Helper()
	if at, _ := s.registry.Tag(repo, "latest"); at != s.image.Digest || !s.registry.HasManifest(repo, at) {
		s.t.Error("more than the tag is gone")
	}
}

func just(faults ...fault) func(*stage) []fault { return func(*stage) []fault { return faults } }

func after(f fault) func(*stage) []fault { return func(s *stage) []fault { return []fault{s.done(f)} } }

func again(f fault) func(*stage) []fault { return just(f, f, f, f) }

// says is an answer without a code, by whomever.
func says(status int) fault { return fakeregistry.Answer(status, nil, "") }

// reports is an answer of the registry's own.
func reports(status int, code string) fault { return fakeregistry.Errors(status, code, "because") }

// notFollowed plays a redirect of a DELETE.
func notFollowed(t *testing.T, location func(s *stage, x *stranger) string, statuses ...int) {
	t.Helper()
	for _, status := range statuses {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, sockets(), append(writes(), deleteManifest), func(t *testing.T, s *stage, op operation) {
				x := s.stranger(s.way, storage)
				s.on("DELETE", "", fakeregistry.Redirect(status, location(s, x)))
				err := op.run(s.ctx(), s.client(regret.WithToken(guardToken)), s)
				if e := wantErr(t, err, regret.ErrRedirect); e.StatusCode != status {
					t.Errorf("status %d, want %d", e.StatusCode, status)
				}
				wantNot(t, err, regret.ErrOutcomeUnknown)
				x.wantHeard(t, 0)
				s.wantAtMost(2)
				s.wantAllThere()
			})
		})
	}
}

func TestThreatD01DeleteIsSentToSeeOthers(t *testing.T) {
	t.Parallel()
	notFollowed(t, func(*stage, *stranger) string { return "/v2/" + repo + "/manifests/v2" }, 301, 302, 303)
}

func TestThreatD02DeleteIsMovedToAnotherPath(t *testing.T) {
	t.Parallel()
	notFollowed(t, func(*stage, *stranger) string { return "/v2/" + repo + "/manifests/v2" }, 307, 308)
}

func TestThreatD03DeleteIsMovedToAnotherOrigin(t *testing.T) {
	t.Parallel()
	notFollowed(t, func(_ *stage, x *stranger) string { return x.origin + "/v2/" + repo + "/manifests/v1" }, 301, 302, 303, 307, 308)
}

func TestThreatD04AnotherSuccess(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 204} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			deleted(t,
				deletion{deleteManifest, just(says(status)), []error{regret.ErrStillPresent}, fmt.Sprintf("HEAD 200, DELETE %d, HEAD 200", status), false},
				deletion{untag, just(says(status)), []error{regret.ErrStillPresent}, fmt.Sprintf("DELETE %d, HEAD 200", status), false})
		})
		t.Run(fmt.Sprint(status, " and gone"), func(t *testing.T) {
			t.Parallel()
			deleted(t,
				deletion{deleteManifest, after(says(status)), nil, fmt.Sprintf("HEAD 200, DELETE %d, HEAD 404, GET 404", status), true},
				deletion{untag, after(says(status)), nil, fmt.Sprintf("DELETE %d, HEAD 404, GET 404", status), true})
		})
	}
	for _, status := range []int{201, 203, 206, 226, 299} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			deleted(t,
				deletion{deleteManifest, just(says(status)), []error{regret.ErrNotRegistry}, fmt.Sprintf("HEAD 200, DELETE %d", status), false},
				deletion{untag, just(says(status)), []error{regret.ErrNotRegistry}, fmt.Sprintf("DELETE %d", status), false})
		})
	}
}

// A 202 beside which there are errors is no success.
func TestThreatD05AcceptedAndStillThere(t *testing.T) {
	t.Parallel()
	deleted(t,
		deletion{deleteManifest, just(reports(202, "UNKNOWN")), []error{regret.ErrStillPresent, regret.CodeUnknown}, "HEAD 200, DELETE 202, HEAD 200", false},
		deletion{untag, just(reports(202, "UNKNOWN")), []error{regret.ErrStillPresent, regret.CodeUnknown}, "DELETE 202, HEAD 200", false})
}

// Who asks for it is told when nothing has happened.
func TestThreatD05AcceptedAndStillThereOnRequest(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), []operation{deleteManifest, resolveAndDelete, untag}, func(t *testing.T, s *stage, op operation) {
		s.deletes(says(202))
		wantErr(t, op.run(s.ctx(), s.client(regret.WithVerification()), s), regret.ErrStillPresent)
		s.wantAllThere()
	})
}

func TestThreatD06LostAnswerThenNotFound(t *testing.T) {
	t.Parallel()
	lose := func(s *stage) []fault { return []fault{s.registry.LoseResponse()} }
	deleted(t,
		deletion{deleteManifest, lose, nil, "HEAD 200, DELETE 202 lost, DELETE 404, HEAD 404, GET 404", true},
		deletion{untag, lose, nil, "DELETE 202 lost, HEAD 404, GET 404", true})
}

func TestThreatD07FailsForEver(t *testing.T) {
	t.Parallel()
	deleted(t,
		deletion{deleteManifest, again(reports(500, "UNKNOWN")), []error{regret.ErrUnavailable, regret.CodeUnknown},
			"HEAD 200, DELETE 500, DELETE 500, DELETE 500, DELETE 500, HEAD 200", false},
		deletion{untag, again(reports(500, "UNKNOWN")), []error{regret.ErrOutcomeUnknown, regret.CodeUnknown}, "DELETE 500, HEAD 200", false})
}

func TestThreatD08FailsThenNotFound(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			deleted(t,
				deletion{deleteManifest, after(says(status)), nil, fmt.Sprintf("HEAD 200, DELETE %d, DELETE 404, HEAD 404, GET 404", status), true},
				deletion{untag, after(says(status)), nil, fmt.Sprintf("DELETE %d, HEAD 404, GET 404", status), true})
		})
	}
}

func TestThreatD10AcceptedAboutAnotherDigest(t *testing.T) {
	t.Parallel()
	other := fakeregistry.Answer(202, map[string]string{"Docker-Content-Digest": "sha256:" + strings.Repeat("0", 64)}, "")
	deleted(t,
		deletion{deleteManifest, just(other), []error{regret.ErrStillPresent}, "HEAD 200, DELETE 202, HEAD 200", false},
		deletion{deleteManifest, after(other), []error{regret.ErrOutcomeUnknown}, "HEAD 200, DELETE 202, HEAD 404, GET 404", true})
}

func TestThreatD11NotFoundOfAProxy(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{
		"HTML":                                fakeregistry.Answer(404, map[string]string{"Content-Type": "text/html"}, "<html>not found"),
		"nothing":                             says(404),
		"a code that is none of a registry's": fakeregistry.Answer(404, map[string]string{"Content-Type": "application/json"}, `{"code":"NOT_FOUND"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), []operation{deleteManifest, untag}, func(t *testing.T, s *stage, op operation) {
				s.deletes(f)
				err := op.run(s.ctx(), s.client(), s)
				wantErr(t, err)
				wantNot(t, err, regret.ErrNotFound)
				s.wantAllThere()
			})
		})
	}
}

func TestThreatD12DeletionIsOff(t *testing.T) {
	t.Parallel()
	// 405 of a tag may be about all deletion or about tags: it is no kind, unless in words that are known.
	for status, ofTag := range map[int]error{400: regret.ErrTagDeleteUnsupported, 405: regret.CodeUnsupported} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			deleted(t,
				deletion{deleteManifest, just(reports(status, "UNSUPPORTED")), []error{regret.ErrDeleteDisabled}, fmt.Sprintf("HEAD 200, DELETE %d", status), false},
				deletion{checkDelete, just(reports(status, "UNSUPPORTED")), []error{regret.ErrDeleteDisabled}, fmt.Sprintf("DELETE %d", status), false},
				deletion{untag, just(reports(status, "UNSUPPORTED")), []error{ofTag}, fmt.Sprintf("DELETE %d", status), false})
		})
	}
}

func TestThreatD16OneUnavailable(t *testing.T) {
	t.Parallel()
	deleted(t,
		deletion{deleteManifest, just(reports(503, "UNAVAILABLE")), nil, "HEAD 200, DELETE 503, DELETE 202", true},
		deletion{untag, just(reports(503, "UNAVAILABLE")), nil, "DELETE 503, DELETE 202", true})
}
