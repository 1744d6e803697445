package regret_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestUntagKeepsTheManifestAndItsOtherTags(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]fakeregistry.Option{nil, {fakeregistry.WithHeadStatus(http.StatusNotFound)}} {
		reg := fakeregistry.New(opts...)
		dgst := reg.PutImage(repo, "hello", "v1", "latest").Digest
		wantErr(t, newClient(t, reg).Untag(t.Context(), repo, "v1"))
		if !reg.HasManifest(repo, dgst) {
			t.Error("the manifest is gone")
		}
		if diff := cmp.Diff(map[string]regret.Digest{"latest": dgst}, reg.Tags(repo)); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		wantRequests(t, reg, requestLine("DELETE", "v1", 202)) // no request before or after it
	}
}

func TestUntagOfTheLastTagKeepsTheManifest(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	wantErr(t, newClient(t, reg).Untag(t.Context(), repo, "v1"))
	if !reg.HasManifest(repo, dgst) || len(reg.Tags(repo)) != 0 {
		t.Error("the tag is not gone, or the manifest is")
	}
}

// After a refusal, Untag sends no other write.
func TestRefusedUntagSendsNoOtherRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		opts   []fakeregistry.Option
		fault  fault
		want   []error
		status int
	}{
		{"a registry that deletes by digest only", []fakeregistry.Option{fakeregistry.WithoutTagDelete()}, nil,
			[]error{regret.ErrTagDeleteUnsupported, regret.CodeDigestInvalid}, 400},
		{"distribution 2", []fakeregistry.Option{fakeregistry.WithDistribution2()}, nil, []error{regret.ErrTagDeleteUnsupported}, 400},
		{"405 UNSUPPORTED", nil, failing(405, "UNSUPPORTED"), []error{regret.CodeUnsupported}, 405},
		{"a registry without deletion", []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, nil, []error{regret.ErrDeleteDisabled}, 405},
		{"400 UNSUPPORTED", nil, failing(400, "UNSUPPORTED"), []error{regret.ErrTagDeleteUnsupported}, 400},
		{"a read-only registry", []fakeregistry.Option{fakeregistry.WithReadOnly()}, nil, []error{regret.ErrReadOnly}, 405},
		{"an unknown tag", nil, failing(404, "MANIFEST_UNKNOWN"), []error{regret.ErrNotFound}, 404},
		{"401", nil, failing(401, "UNAUTHORIZED"), []error{regret.ErrUnauthorized}, 401},
		{"403", nil, failing(403, "DENIED"), []error{regret.ErrForbidden}, 403},
		{"409", nil, failing(409, "TAG_IMMUTABLE"), []error{regret.ErrImmutable}, 409},
		{"412", nil, failing(412, "PRECONDITION"), []error{regret.Code("PRECONDITION")}, 412},
		{"404 of a proxy", nil, htmlNotFound, nil, 404},
		{"201", nil, failing(201, ""), []error{regret.ErrNotRegistry}, 201},
		{"a redirect", nil, func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Redirect(307, "/v2/other/manifests/v1")
		}, []error{regret.ErrRedirect}, 307},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(test.opts...)
			dgst := reg.PutDockerImage(repo, "hello", "v1", "latest").Digest
			if test.fault != nil {
				play(reg, step{0, "DELETE", test.fault})
			}
			err := newClient(t, reg).Untag(t.Context(), repo, "v1")
			e := wantErr(t, err, append(test.want, err)...)
			if e.Op != "untag" || e.Method != "DELETE" || e.StatusCode != test.status || e.Attempts != 1 {
				t.Errorf("error has unexpected fields: %+v", e)
			}
			if test.status == 400 || test.status == 405 && len(test.opts) == 0 {
				wantText(t, err, "CheckDelete")
			}
			wantRequests(t, reg, requestLine("DELETE", "v1", test.status))
			if tags := reg.Tags(repo); tags["v1"] != dgst || tags["latest"] != dgst || !reg.HasManifest(repo, dgst) {
				t.Errorf("the manifest or a tag is gone; tags: %v", tags)
			}
		})
	}
}

func TestUntagIsRetriedOnlyIfTheFirstAttemptHadNoEffect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		steps []step
		want  []error
		sent  string
	}{
		{"a refused connection is retried", []step{{3, "DELETE", refused}}, nil, "DELETE 202"},
		{"a refused connection is not retried endlessly", []step{{0, "DELETE", refused}}, []error{regret.ErrUnavailable}, ""},
		{"429 is retried", []step{{2, "DELETE", failing(429, "")}}, nil, "DELETE 429, DELETE 429, DELETE 202"},
		{"429 to every attempt is an error", []step{{0, "DELETE", failing(429, "TOOMANYREQUESTS")}},
			[]error{regret.ErrRateLimited, regret.CodeTooManyRequests}, "DELETE 429, DELETE 429, DELETE 429, DELETE 429"},
		{"503 of the registry is retried", []step{{1, "DELETE", failing(503, "UNAVAILABLE")}}, nil, "DELETE 503, DELETE 202"},
		{"408 is not retried", []step{{1, "DELETE", failing(408, "")}}, []error{regret.ErrUnavailable}, "DELETE 408"},
		{"500 is not retried, because the tag may have been pushed again", []step{{1, "DELETE", failing(500, "UNKNOWN")}},
			[]error{regret.ErrOutcomeUnknown, regret.CodeUnknown}, "DELETE 500, HEAD 200"},
		{"502 is not retried", []step{{1, "DELETE", failing(502, "")}}, []error{regret.ErrOutcomeUnknown}, "DELETE 502, HEAD 200"},
		{"504 is not retried", []step{{1, "DELETE", failing(504, "")}}, []error{regret.ErrOutcomeUnknown}, "DELETE 504, HEAD 200"},
		{"503 of a proxy is not retried", []step{{1, "DELETE", failing(503, "")}}, []error{regret.ErrOutcomeUnknown}, "DELETE 503, HEAD 200"},
		{"a lost request is not retried", []step{{1, "DELETE", loseRequest}}, []error{regret.ErrOutcomeUnknown}, "DELETE 0 lost, HEAD 200"},
		{"a lost response is success if the tag is gone", []step{{1, "DELETE", loseResponse}}, nil, "DELETE 202 lost, HEAD 404, GET 404"},
		{"500 is success if the tag is gone", []step{{1, "DELETE", does(failing(500, "UNKNOWN"))}}, nil, "DELETE 500, HEAD 404, GET 404"},
		{"502 is an unknown outcome if the check fails", []step{{1, "DELETE", does(failing(502, ""))}, {0, "HEAD", failing(401, "UNAUTHORIZED")}},
			[]error{regret.ErrOutcomeUnknown}, "DELETE 502, HEAD 401"},
		{"200 is success if the tag is gone", []step{{1, "DELETE", does(failing(200, ""))}}, nil, "DELETE 200, HEAD 404, GET 404"},
		{"200 is an error if the tag exists", []step{{1, "DELETE", failing(200, "")}}, []error{regret.ErrStillPresent}, "DELETE 200, HEAD 200"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			dgst := reg.PutImage(repo, "hello", "v1", "latest").Digest
			play(reg, test.steps...)
			err := newClient(t, reg).Untag(t.Context(), repo, "v1")
			wantErr(t, err, test.want...)
			wantMethods(t, reg, "v1", test.sent)
			if _, tagged := reg.Tag(repo, "v1"); err == nil && tagged {
				t.Error("Untag succeeded, but the tag exists")
			}
			if got, _ := reg.Tag(repo, "latest"); got != dgst || !reg.HasManifest(repo, dgst) {
				t.Error("the other tag or the manifest is gone")
			}
		})
	}
}

// If the client resolved the tag before, it can check whether the tag still points to the same
// manifest.
func TestUntagOfAResolvedTag(t *testing.T) {
	t.Parallel()
	// push moves the tag while the client waits for the response.
	push := func(content string, then fault) fault {
		return func(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
			respond := then(reg)
			return func(w http.ResponseWriter, req *http.Request) bool {
				reg.PutImage(repo, content, "v1")
				return respond(w, req)
			}
		}
	}
	for _, test := range []struct {
		rule  string
		steps []step
		want  []error
		not   []error
		sent  string
		left  string // content under the tag afterwards; empty if it is gone
	}{
		{"a lost request is retried once if the tag is unchanged", []step{{1, "DELETE", loseRequest}}, nil, nil, "DELETE 0 lost, HEAD 200, DELETE 202", ""},
		{"502 is retried once if the tag is unchanged", []step{{1, "DELETE", failing(502, "")}}, nil, nil, "DELETE 502, HEAD 200, DELETE 202", ""},
		{"a lost response is not retried if the tag is gone", []step{{1, "DELETE", loseResponse}}, nil, nil, "DELETE 202 lost, HEAD 404, GET 404", ""},
		{"a tag that was moved in the meantime is left alone", []step{{1, "DELETE", push("pushed", loseRequest)}},
			[]error{regret.ErrOutcomeUnknown}, []error{regret.ErrStillPresent}, "DELETE 0 lost, HEAD 200", "pushed"},
		{"a tag that was pushed again after the deletion is left alone", []step{{1, "DELETE", does(push("pushed", failing(500, "UNKNOWN")))}},
			[]error{regret.ErrOutcomeUnknown}, nil, "DELETE 500, HEAD 200", "pushed"},
		{"a second lost request is not retried", []step{{2, "DELETE", loseRequest}},
			[]error{regret.ErrOutcomeUnknown}, nil, "DELETE 0 lost, HEAD 200, DELETE 0 lost, HEAD 200", "hello"},
		{"404 to the second attempt is success", []step{{1, "DELETE", loseRequest}, {1, "DELETE", does(failing(404, "MANIFEST_UNKNOWN"))}},
			nil, nil, "DELETE 0 lost, HEAD 200, DELETE 404", ""},
		{"a refusal of the second attempt is returned", []step{{1, "DELETE", loseRequest}, {1, "DELETE", failing(403, "DENIED")}},
			[]error{regret.ErrForbidden, regret.CodeDenied}, []error{regret.ErrOutcomeUnknown}, "DELETE 0 lost, HEAD 200, DELETE 403", "hello"},
		{"a lost response to the second attempt is success if the tag is gone", []step{{1, "DELETE", loseRequest}, {1, "DELETE", loseResponse}},
			nil, nil, "DELETE 0 lost, HEAD 200, DELETE 202 lost, HEAD 404, GET 404", ""},
		{"a refusal is not retried", []step{{1, "DELETE", failing(403, "DENIED")}}, []error{regret.ErrForbidden}, nil, "DELETE 403", "hello"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, c, dgst := seen(t)
			play(reg, test.steps...)
			err := c.Untag(t.Context(), repo, "v1")
			wantErr(t, err, test.want...)
			wantNot(t, err, test.not...)
			wantMethods(t, reg, "v1", test.sent)
			want := regret.Digest("")
			if test.left != "" {
				want = reg.PutImage(repo, test.left).Digest
			}
			if got, _ := reg.Tag(repo, "v1"); got != want {
				t.Errorf("the tag points to %q, want %q", got, want)
			}
			if got, _ := reg.Tag(repo, "latest"); got != dgst || !reg.HasManifest(repo, dgst) {
				t.Error("the other tag or the manifest is gone")
			}
		})
	}
}

func TestUntagDropsTheTagFromMemory(t *testing.T) {
	t.Parallel()
	reg, c, _ := seen(t)
	wantErr(t, c.Untag(t.Context(), repo, "v1"))
	reg.PutImage(repo, "hello", "v1") // by another client
	play(reg, step{1, "DELETE", loseRequest})
	wantErr(t, c.Untag(t.Context(), repo, "v1"), regret.ErrOutcomeUnknown)
	wantMethods(t, reg, "v1", "DELETE 202, DELETE 0 lost, HEAD 200")
}
