package regret_test

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// newLongList returns a registry without the referrers API, and a subject with n referrers, all of
// which are in the index under the fallback tag.
func newLongList(t *testing.T, n int, opts ...fakeregistry.Option) (r referrersFixture, referrers []regret.Digest) {
	t.Helper()
	reg := fakeregistry.New(append([]fakeregistry.Option{fakeregistry.WithoutReferrersAPI()}, opts...)...)
	subject := reg.PutImage(repo, "hello", "v1")
	var list []regret.Descriptor
	for i := range n {
		d := reg.PutReferrer(repo, subject, "a/b", fmt.Sprint(i))
		list, referrers = append(list, d), append(referrers, d.Digest)
	}
	r = referrersFixture{reg: reg, client: newClient(t, reg), subject: subject.Digest, tag: strings.Replace(subject.Digest.String(), ":", "-", 1)}
	putIndexOf(t, reg, repo, list, r.tag)
	return r, referrers
}

func (r referrersFixture) wantListed(t *testing.T, want ...regret.Digest) {
	t.Helper()
	listed, _ := r.list(t)
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

// acceptSparse makes the registry accept an index that lists manifests that are gone.
func acceptSparse(t *testing.T, r referrersFixture) {
	r.reg.Intercept(0, fakeregistry.On("PUT", manifestPath(r.tag)), func(w http.ResponseWriter, req *http.Request) bool {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.reg.PutManifest(repo, r.tag, req.Header.Get("Content-Type"), raw)
		return fakeregistry.Answer(http.StatusCreated, nil, "")(w, req)
	})
}

func TestServerS2DeleteReferrerRemovesStaleEntries(t *testing.T) {
	t.Parallel()
	const refused = "PUT 400, HEAD 404, GET 404, HEAD 200"
	tests := []struct {
		rule    string
		gone    []int // referrers that are deleted with DeleteManifest beforehand
		deletes int
		sparse  bool
		left    []int
		sent    string
	}{
		{"nothing is stale", nil, 0, false, []int{1, 2}, "GET 200, GET 404, DELETE 202, GET 200, PUT 201, HEAD 200, HEAD 200"},
		{"another entry is stale", []int{0}, 1, false, []int{2},
			"GET 200, GET 404, DELETE 202, GET 200, " + refused + ", GET 200, PUT 201, HEAD 200"},
		{"its own entry is stale, and another one", []int{0, 1}, 0, false, []int{2},
			"GET 404, GET 404, GET 200, " + refused + ", GET 200, PUT 201, HEAD 200"},
		{"all other entries are stale", []int{0, 1}, 2, false, nil,
			"GET 200, GET 404, DELETE 202, GET 200, PUT 400, HEAD 404, GET 404, HEAD 404, GET 404, GET 200, PUT 201"},
		{"a registry that accepts stale entries does not keep them", []int{0}, 1, true, []int{2},
			"GET 200, GET 404, DELETE 202, GET 200, PUT 201, HEAD 404, GET 404, HEAD 200, GET 200, PUT 201, HEAD 200"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			r, referrers := newLongList(t, 3)
			for _, i := range tt.gone {
				wantErr(t, r.client.DeleteManifest(t.Context(), repo, referrers[i]))
			}
			if tt.sparse {
				acceptSparse(t, r)
			}
			r.reg.ResetLog()
			var logged strings.Builder
			c := newClient(t, r.reg, regret.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
			wantErr(t, c.DeleteReferrer(t.Context(), repo, r.subject, referrers[tt.deletes]))
			if got := methods(t, r.reg); got != tt.sent {
				t.Errorf("requests %q, want %q", got, tt.sent)
			}
			var left []regret.Digest
			for _, i := range tt.left {
				left = append(left, referrers[i])
			}
			r.wantListed(t, left...)
			for i, dgst := range referrers { // the log names the other entries that were removed
				stale := slices.Contains(tt.gone, i) && i != tt.deletes
				if strings.Contains(logged.String(), string(dgst)) != stale {
					t.Errorf("referrer %d is stale: %t, but the log is %q", i, stale, logged.String())
				}
			}
		})
	}
}

func TestServerS2DeleteReferrerKeepsWhatIsNotProvedToBeGone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule  string
		fault func(reg *fakeregistry.Registry, stale regret.Digest)
		want  error
		sent  string // after the DELETE and the GET of the index
	}{
		{"an entry that cannot be looked up stays, and the refusal is returned", func(reg *fakeregistry.Registry, stale regret.Digest) {
			reg.Intercept(0, fakeregistry.On("", manifestPath(stale)), fakeregistry.Errors(401, "UNAUTHORIZED", "no"))
		}, regret.ErrContentMissing, "PUT 400, HEAD 401, HEAD 200"},
		{"a 404 that is not from the registry proves nothing", func(reg *fakeregistry.Registry, stale regret.Digest) {
			reg.Intercept(0, fakeregistry.On("", manifestPath(stale)), fakeregistry.Answer(404, nil, "not here"))
		}, regret.ErrContentMissing, "PUT 400, HEAD 404, GET 404, HEAD 200"},
		{"a refusal for another reason is not followed by look-ups", func(reg *fakeregistry.Registry, _ regret.Digest) {
			reg.Intercept(0, fakeregistry.On("PUT", "/"), fakeregistry.Errors(403, "DENIED", "no"))
		}, regret.ErrForbidden, "PUT 403"},
		{"a second refusal ends the call if nothing else is gone", func(reg *fakeregistry.Registry, _ regret.Digest) {
			reg.Intercept(0, fakeregistry.On("PUT", "/"), fakeregistry.Errors(400, "MANIFEST_BLOB_UNKNOWN", "no"))
		}, regret.ErrContentMissing, "PUT 400, HEAD 404, GET 404, HEAD 200, GET 200, PUT 400, HEAD 200"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			r, referrers := newLongList(t, 3)
			wantErr(t, r.client.DeleteManifest(t.Context(), repo, referrers[0]))
			tt.fault(r.reg, referrers[0])
			r.reg.ResetLog()
			err := r.client.DeleteReferrer(t.Context(), repo, r.subject, referrers[1])
			wantErr(t, err, tt.want)
			wantText(t, err, "the manifest is gone, but the index under the tag "+r.tag+" may still list it")
			if got, want := methods(t, r.reg), "GET 200, GET 404, DELETE 202, GET 200, "+tt.sent; got != want {
				t.Errorf("requests %q, want %q", got, want)
			}
			r.wantListed(t, referrers...)
		})
	}
}

func TestServerS2LookUpsAreBounded(t *testing.T) {
	t.Parallel()
	t.Run("at most 100 entries are looked up after a push", func(t *testing.T) {
		t.Parallel()
		r, referrers := newLongList(t, 150)
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, referrers[0]))
		if got := len(r.reg.Requests()); got != 5+100 {
			t.Errorf("%d requests", got)
		}
	})
	t.Run("at most 1,000 entries are looked up after refusals, those that the registry names first", func(t *testing.T) {
		t.Parallel()
		r, referrers := newLongList(t, 1200)
		last := referrers[1199]
		wantErr(t, r.client.DeleteManifest(t.Context(), repo, last))
		r.reg.ResetLog()
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, referrers[0]))
		if at := slices.IndexFunc(r.reg.Requests(), func(q fakeregistry.Request) bool { return q.Path == manifestPath(last) }); at != 5 {
			t.Errorf("the manifest that the registry names was looked up as request %d", at+1)
		}
		if got := len(r.reg.Requests()); got != 5+1001+2+100 { // 1,000 HEAD and one GET; then GET and PUT of the index
			t.Errorf("%d requests", got)
		}
		r.wantListed(t, referrers[1:1199]...)
	})
}

// Whatever the order in which several clients delete referrers of one subject, every call ends, and
// the index then lists nothing that is gone.
func TestServerS2ConcurrentDeletionsOfReferrers(t *testing.T) {
	t.Parallel()
	for _, sparse := range []bool{false, true} {
		for seed := range uint64(20) {
			rule := "at a registry that refuses stale entries"
			if sparse {
				rule = "at a registry that accepts stale entries"
			}
			t.Run(fmt.Sprintf("%s, order %d", rule, seed), func(t *testing.T) {
				t.Parallel()
				const clients = 6
				r, referrers := newLongList(t, clients+2)
				if sparse {
					acceptSparse(t, r)
				}
				shuffle(r.reg, seed)
				var wait sync.WaitGroup
				for i := range clients {
					wait.Go(func() {
						if err := newClient(t, r.reg).DeleteReferrer(t.Context(), repo, r.subject, referrers[i]); err != nil {
							t.Errorf("client %d: %v", i, err)
						}
					})
				}
				wait.Wait()
				if n := len(r.reg.Requests()); n > clients*20*12 {
					t.Errorf("%d requests", n)
				}
				r.wantListed(t, referrers[clients:]...)
			})
		}
	}
}

// shuffle lets concurrent requests arrive in a random order: each yields the processor to others a
// random number of times.
func shuffle(reg *fakeregistry.Registry, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	reg.Intercept(0, fakeregistry.On("", "/"), func(http.ResponseWriter, *http.Request) bool {
		mu.Lock()
		yields := rng.IntN(200)
		mu.Unlock()
		for range yields {
			runtime.Gosched()
		}
		return false
	})
}

// Only the refusal of a push means that the index may list what is gone.
func TestDeleteReferrerDoesNotTakeAnUnreadableIndexForARefusedOne(t *testing.T) {
	t.Parallel()
	r, referrers := newLongList(t, 3)
	r.reg.Intercept(0, fakeregistry.On("GET", manifestPath(r.tag)), fakeregistry.Errors(400, "MANIFEST_INVALID", "no"))
	r.reg.ResetLog()
	err := r.client.DeleteReferrer(t.Context(), repo, r.subject, referrers[0])
	wantErr(t, err, regret.CodeManifestInvalid)
	reads := 0
	for _, line := range strings.Split(methods(t, r.reg), ", ") {
		if line == "GET 400" {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("the index was read %d times: %s", reads, methods(t, r.reg))
	}
}

// remove removes a tag or manifest in the name of another client.
func remove(t *testing.T, reg *fakeregistry.Registry, reference string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodDelete, registryURL+manifestPath(reference), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := reg.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		t.Errorf("DELETE %s: %v, %v", reference, resp, err)
		return
	}
	resp.Body.Close()
}

// A registry that refuses every index does not cost more than a thousand look-ups in one call.
func TestDeleteReferrerBoundsItsLookUps(t *testing.T) {
	t.Parallel()
	r, referrers := newLongList(t, 1500)
	gone := 0
	r.reg.Intercept(0, fakeregistry.On("PUT", "/"), func(w http.ResponseWriter, req *http.Request) bool {
		gone++
		remove(t, r.reg, string(referrers[gone]))
		return fakeregistry.Errors(400, "MANIFEST_BLOB_UNKNOWN", "no")(w, req)
	})
	r.reg.ResetLog()
	err := r.client.DeleteReferrer(t.Context(), repo, r.subject, referrers[0])
	wantErr(t, err, regret.ErrContentMissing)
	if looked := strings.Count(methods(t, r.reg), "HEAD "); looked > 1010 {
		t.Errorf("%d look-ups", looked)
	}
}
