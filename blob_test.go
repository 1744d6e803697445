package regret_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// imageConfig is the blob of most tests.
const imageConfig = `{"architecture":"amd64","os":"linux"}`

var configDigest = digest.FromString(imageConfig)

// withConfig returns a registry that has imageConfig in repo.
func withConfig(opts ...fakeregistry.Option) *fakeregistry.Registry {
	reg := fakeregistry.New(opts...)
	reg.PutBlob(repo, []byte(imageConfig))
	return reg
}

// blobLine returns the line of the log for a request of a blob of repo.
func blobLine(method string, dgst digest.Digest, status int) string {
	return fmt.Sprint(method, " /v2/", repo, "/blobs/", dgst, " ", status)
}

// header returns header fields from pairs of a name and a value.
func header(pairs ...string) map[string]string {
	fields := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return fields
}

func TestBlobReadsAWholeBlob(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, content string
		limit         int64
	}{
		{"smaller than the limit", imageConfig, 4096},
		{"as large as the limit", imageConfig, int64(len(imageConfig))},
		{"with the largest limit", imageConfig, math.MaxInt64},
		{"that is empty", "", 1},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			dgst := reg.PutBlob(repo, []byte(test.content)).Digest
			got, err := newClient(t, reg).Blob(t.Context(), repo, dgst, test.limit)
			wantErr(t, err)
			if string(got) != test.content {
				t.Errorf("read %q", got)
			}
			wantRequests(t, reg, blobLine("GET", dgst, 200))
		})
	}
	t.Run("by its sha512 digest", func(t *testing.T) {
		t.Parallel()
		got, err := newClient(t, always(200, imageConfig)).Blob(t.Context(), repo, digest.SHA512.FromString(imageConfig), 100)
		wantErr(t, err)
		if string(got) != imageConfig {
			t.Errorf("read %q", got)
		}
	})
}

func TestBlobReportsWhatIsWrong(t *testing.T) {
	t.Parallel()
	answer := fakeregistry.Answer
	for _, test := range []struct {
		rule    string
		respond func(http.ResponseWriter, *http.Request) bool
		want    []error
		says    string
		status  int
	}{
		{"an unknown blob is not found", fakeregistry.Errors(404, "BLOB_UNKNOWN", "x"), []error{regret.ErrNotFound, regret.CodeBlobUnknown}, "", 404},
		{"an unknown repository is not found", fakeregistry.Errors(404, "NAME_UNKNOWN", "x"), []error{regret.ErrNotFound, regret.CodeNameUnknown}, "", 404},
		{"a 404 without a code has no kind", answer(404, nil, "page not found"), []error{regret.Kind("")}, "no registry error code", 404},
		{"403 means forbidden", fakeregistry.Errors(403, "DENIED", "x"), []error{regret.ErrForbidden}, "", 403},
		{"401 means unauthorized", fakeregistry.Errors(401, "UNAUTHORIZED", "x"), []error{regret.ErrUnauthorized}, "", 401},
		{"one byte more than the limit is too large", answer(200, nil, strings.Repeat("a", 4097)), []error{regret.ErrTooLarge}, "4096", 200},
		{"endless content is too large", fakeregistry.Flood(200, nil, "a"), []error{regret.ErrTooLarge}, "4096", 200},
		{"other content is a mismatch", answer(200, nil, imageConfig+" "), []error{regret.ErrDigestMismatch}, string(digest.FromString(imageConfig + " ")), 200},
		{"no content is a mismatch", answer(200, nil, ""), []error{regret.ErrDigestMismatch}, someDigest, 200},
		{"the page of a portal is not a valid response", answer(200, header("Content-Type", "text/html"), "<html>"), []error{regret.ErrNotRegistry}, "text/html", 200},
		{"the right content under another name is a mismatch", answer(200, header("Docker-Content-Digest", someDigest), imageConfig), []error{regret.ErrDigestMismatch}, someDigest, 200},
		{"a wrong name of another algorithm is a mismatch",
			answer(200, header("Docker-Content-Digest", string(digest.SHA512.FromString("x"))), imageConfig), []error{regret.ErrDigestMismatch}, "sha512", 200},
		{"a part is not the blob", answer(206, nil, imageConfig), []error{regret.ErrNotRegistry}, "", 206},
		{"204 is not a valid response", answer(204, nil, ""), []error{regret.ErrNotRegistry}, "", 204},
		{"compressed content is not accepted", answer(200, header("Content-Encoding", "gzip"), "x"), []error{regret.ErrNotRegistry}, "gzip", 200},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := withConfig()
			reg.Intercept(0, fakeregistry.On("GET", "/v2/"), test.respond)
			got, err := newClient(t, reg).Blob(t.Context(), repo, configDigest, 4096)
			var e *regret.Error
			if test.want[0] == regret.Kind("") {
				if e = wantRegretError(t, err); e.Kind != "" {
					t.Errorf("kind %q, want none", e.Kind)
				}
			} else {
				e = wantErr(t, err, test.want...)
			}
			wantText(t, err, test.says)
			if got != nil || e.StatusCode != test.status || e.Op != "blob" || e.Reference != string(configDigest) {
				t.Errorf("read %q; error has unexpected fields: %+v", got, e)
			}
			wantRequests(t, reg, blobLine("GET", configDigest, test.status))
		})
	}
}

func TestBlobRetriesTruncatedContent(t *testing.T) {
	t.Parallel()
	half := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(imageConfig)))
		fmt.Fprint(w, imageConfig[:10])
		if http.NewResponseController(w).Flush() != nil {
			return true
		}
		panic(http.ErrAbortHandler)
	}
	for rule, test := range map[string]struct {
		faults int
		want   []error
	}{
		"once":                         {1, nil},
		"until there is no retry left": {4, []error{regret.ErrUnavailable}},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			reg := withConfig()
			reg.Intercept(test.faults, fakeregistry.On("GET", "/v2/"), half)
			got, err := newClient(t, reg).Blob(t.Context(), repo, configDigest, 4096)
			wantErr(t, err, test.want...)
			if err == nil && string(got) != imageConfig || err != nil && got != nil {
				t.Errorf("read %q", got)
			}
			if n := len(reg.Requests()); n != min(test.faults+1, 4) {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestMalformedNamesOfBlobsAreNotSent(t *testing.T) {
	t.Parallel()
	data := []byte(imageConfig)
	for _, test := range []struct {
		rule, repository  string
		dgst              regret.Digest
		limit             int64
		data              []byte
		onlyBlob, onlyPut bool
	}{
		{"a malformed repository", "../x", configDigest, 1, data, false, false},
		{"no repository", "", configDigest, 1, data, false, false},
		{"a tag", repo, "v1", 1, data, false, false},
		{"no digest", repo, "", 1, data, false, false},
		{"a short digest", repo, "sha256:abc", 1, data, false, false},
		{"an unknown algorithm", repo, "md5:d41d8cd98f00b204e9800998ecf8427e", 1, data, false, false},
		{"a limit of zero", repo, configDigest, 0, data, true, false},
		{"a negative limit", repo, configDigest, -1, data, true, false},
		{"content of another digest", repo, configDigest, 1, []byte(imageConfig + " "), false, true},
		{"no content", repo, configDigest, 1, nil, false, true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := withConfig()
			c := newClient(t, reg)
			if !test.onlyPut {
				_, err := c.Blob(t.Context(), test.repository, test.dgst, test.limit)
				wantErr(t, err, regret.ErrInvalid)
			}
			if !test.onlyBlob {
				wantErr(t, c.PutBlob(t.Context(), test.repository, test.dgst, test.data), regret.ErrInvalid)
			}
			if !test.onlyBlob && !test.onlyPut {
				_, err := c.HasBlob(t.Context(), test.repository, test.dgst)
				wantErr(t, err, regret.ErrInvalid)
			}
			wantRequests(t, reg)
		})
	}
}

func TestHasBlob(t *testing.T) {
	t.Parallel()
	const page = "text/html; charset=utf-8"
	answer := fakeregistry.Answer
	other := digest.FromString("other")
	for _, test := range []struct {
		rule  string
		dgst  digest.Digest
		steps []step
		has   bool
		want  []error
		sent  string
	}{
		{"a blob that is there takes one request", configDigest, nil, true, nil, "HEAD 200"},
		{"a blob that is not there takes a second one, for the code", other, nil, false, nil, "HEAD 404, GET 404"},
		{"an unknown repository does not have it", configDigest, []step{{0, "", failing(404, "NAME_UNKNOWN")}}, false, nil, "HEAD 404, GET 404"},
		{"a 404 without a code proves nothing", configDigest, []step{{0, "", htmlNotFound}}, false, []error{nil}, "HEAD 404, GET 404"},
		{"a proxy's 404 of HEAD proves nothing", configDigest, []step{{0, "HEAD", htmlNotFound}}, true, nil, "HEAD 404, GET 206"},
		{"405 of HEAD leaves the decision to GET", configDigest, []step{{0, "HEAD", failing(405, "")}}, true, nil, "HEAD 405, GET 206"},
		{"so does 501", configDigest, []step{{0, "HEAD", failing(501, "")}}, true, nil, "HEAD 501, GET 206"},
		{"so does 501 if it is not there", other, []step{{0, "HEAD", failing(501, "")}}, false, nil, "HEAD 501, GET 404"},
		{"so does 403", configDigest, []step{{0, "", failing(403, "DENIED")}}, false, []error{regret.ErrForbidden, regret.CodeDenied}, "HEAD 403, GET 403"},
		{"401 is an error", configDigest, []step{{0, "", failing(401, "UNAUTHORIZED")}}, false, []error{regret.ErrUnauthorized}, "HEAD 401"},
		{"500 is retried", configDigest, []step{{1, "HEAD", failing(500, "UNKNOWN")}}, true, nil, "HEAD 500, HEAD 200"},
		{"500 of the GET is an error", other, []step{{0, "GET", failing(500, "UNKNOWN")}}, false, []error{regret.ErrUnavailable}, "HEAD 404, GET 500, GET 500, GET 500, GET 500"},
		{"a lost response is retried", configDigest, []step{{1, "HEAD", loseResponse}}, true, nil, "HEAD 200 lost, HEAD 200"},
		{"a 200 that names no digest is believed, as storage sends it", configDigest, []step{{0, "HEAD", responding(answer(200, header("Content-Length", "36"), ""))}}, true, nil, "HEAD 200"},
		{"without a length either the GET decides", configDigest, []step{{0, "HEAD", responding(answer(200, nil, ""))}}, true, nil, "HEAD 200, GET 206"},
		{"also against the HEAD", other, []step{{0, "HEAD", responding(answer(200, nil, ""))}}, false, nil, "HEAD 200, GET 404"},
		{"a blob without content is not a valid response", configDigest, []step{{0, "", responding(answer(200, nil, ""))}}, false, []error{regret.ErrNotRegistry}, "HEAD 200, GET 200"},
		{"nor is 204 of the GET", configDigest, []step{{0, "HEAD", failing(405, "")}, {0, "GET", responding(answer(204, nil, ""))}}, false, []error{regret.ErrNotRegistry}, "HEAD 405, GET 204"},
		{"a GET about another digest is a mismatch", configDigest, []step{{0, "HEAD", failing(405, "")}, {0, "GET", responding(answer(200, header("Docker-Content-Digest", someDigest), "x"))}},
			false, []error{regret.ErrDigestMismatch}, "HEAD 405, GET 200"},
		{"but not that of a portal", configDigest, []step{{0, "", responding(answer(200, header("Content-Type", page), ""))}}, false, []error{regret.ErrNotRegistry}, "HEAD 200"},
		{"nor that of a portal that refuses HEAD", configDigest, []step{{0, "HEAD", failing(405, "")}, {0, "GET", responding(answer(200, header("Content-Type", page), ""))}},
			false, []error{regret.ErrNotRegistry}, "HEAD 405, GET 200"},
		{"a 200 about another digest is a mismatch", configDigest, []step{{0, "", responding(answer(200, header("Docker-Content-Digest", someDigest), ""))}},
			false, []error{regret.ErrDigestMismatch}, "HEAD 200"},
		{"a 200 that names a digest of another algorithm is believed", configDigest,
			[]step{{0, "", responding(answer(200, header("Docker-Content-Digest", string(digest.SHA512.FromString(imageConfig))), ""))}}, true, nil, "HEAD 200"},
		{"204 is not a valid response", configDigest, []step{{0, "", responding(answer(204, nil, ""))}}, false, []error{regret.ErrNotRegistry}, "HEAD 204"},
		{"206 of HEAD is not a valid response", configDigest, []step{{0, "", responding(answer(206, nil, ""))}}, false, []error{regret.ErrNotRegistry}, "HEAD 206"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := withConfig()
			play(reg, test.steps...)
			has, err := newClient(t, reg).HasBlob(t.Context(), repo, test.dgst)
			if len(test.want) == 1 && test.want[0] == nil {
				if e := wantRegretError(t, err); e.Kind != "" {
					t.Errorf("kind %q, want none", e.Kind)
				}
			} else {
				wantErr(t, err, test.want...)
			}
			if has != test.has {
				t.Errorf("has: %t", has)
			}
			if got := methods(t, reg); got != test.sent {
				t.Errorf("requests %q, want %q", got, test.sent)
			}
			for _, r := range reg.Requests() {
				want := map[string]string{"GET": "bytes=0-0"}[r.Method]
				if got := r.Header.Get("Range"); got != want {
					t.Errorf("%s with the range %q, want %q", r, got, want)
				}
			}
		})
	}
	t.Run("empty content has no first byte to ask for", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		reg.PutBlob(repo, nil)
		reg.Intercept(0, fakeregistry.On("HEAD", "/v2/"), answer(405, nil, ""))
		has, err := newClient(t, reg).HasBlob(t.Context(), repo, someDigest)
		wantErr(t, err)
		if !has || reg.Requests()[1].Header.Get("Range") != "" {
			t.Errorf("has: %t, %v", has, reg.Requests()[1].Header)
		}
	})
	t.Run("a registry that ignores the range sends no more than fits into the buffers", func(t *testing.T) {
		t.Parallel()
		content := &endlessBody{}
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodHead {
				return respond(req, 404, ""), nil
			}
			resp := respond(req, 200, "")
			resp.Body, resp.ContentLength = content, -1
			return resp, nil
		}))
		has, err := c.HasBlob(t.Context(), repo, configDigest)
		wantErr(t, err)
		if !has || content.read > 8<<10 || !content.closed {
			t.Errorf("has: %t, read %d bytes, closed: %t", has, content.read, content.closed)
		}
	})
}

func TestRedirectedBlobs(t *testing.T) {
	t.Parallel()
	const (
		storage = "https://storage.example.net"
		signed  = storage + "/b?X-Signature=" + serviceSecret
	)
	start := registryURL + "/v2/team/app/blobs/" + string(configDigest)
	for _, test := range []struct {
		rule, to string
		then     string // the Location of a second redirect, by storage
		want     []string
		kind     []error
	}{
		{"storage at another host gets no credentials", signed, "", []string{start + " +", storage + "/b"}, nil},
		{"nor does what storage redirects to", storage + "/hop", registryURL + "/b", []string{start + " +", storage + "/hop", registryURL + "/b"}, nil},
		{"another port gets no credentials", registryURL + ":8443/b", "", []string{start + " +", registryURL + ":8443/b"}, nil},
		{"a sub-domain gets no credentials", "https://cdn." + host + "/b", "", []string{start + " +", "https://cdn." + host + "/b"}, nil},
		{"another path of the registry gets credentials", "/b", "", []string{start + " +", registryURL + "/b +"}, nil},
		{"https to http is not followed", "http://storage.example.net/b", "", []string{start + " +"}, []error{regret.ErrRedirect}},
		{"user information is not followed", "https://" + serviceSecret + "@storage.example.net/b", "", []string{start + " +"}, []error{regret.ErrRedirect}},
		{"no Location is not followed", "", "", []string{start + " +"}, []error{regret.ErrRedirect}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for method, read := range map[string]func(*regret.Client) error{
				"GET": func(c *regret.Client) error {
					_, err := c.Blob(t.Context(), repo, configDigest, 4096)
					return err
				},
				"HEAD": func(c *regret.Client) error {
					has, err := c.HasBlob(t.Context(), repo, configDigest)
					if has != (err == nil) {
						t.Errorf("has: %t, %v", has, err)
					}
					return err
				},
			} {
				network := fakeregistry.NewNetwork()
				serve := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					to := map[string]string{"/b": "none", "/hop": test.then}[req.URL.Path]
					switch {
					case strings.HasPrefix(req.URL.Path, "/v2/"):
						to = test.to
					case to == "none":
						fmt.Fprint(w, imageConfig)
						return
					}
					w.Header()["Location"] = []string{to}
					w.WriteHeader(http.StatusTemporaryRedirect)
				})
				for _, origin := range []string{registryURL, registryURL + ":8443", storage, "https://cdn." + host, "http://storage.example.net"} {
					network.Handle(origin, serve)
				}
				err := read(newClient(t, network, regret.WithToken("c4n4ry-t0ken")))
				wantErr(t, err, test.kind...)
				wantNoSecretInError(t, err, "c4n4ry-t0ken", serviceSecret)
				var got []string
				for _, r := range network.Requests() {
					line := r.Scheme + "://" + r.Host + r.Path
					if r.Header.Get("Authorization") != "" {
						line += " +"
					}
					if r.Method != method {
						t.Errorf("%s, want %s", r, method)
					}
					got = append(got, line)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: requests (-want +got):\n%s", method, diff)
				}
				wantSecretsOnlyAt(t, network.Requests(), []string{registryURL + ":443"}, "c4n4ry-t0ken")
			}
		})
	}
	t.Run("storage that does not have it proves nothing", func(t *testing.T) {
		t.Parallel()
		network := fakeregistry.NewNetwork()
		network.Handle(registryURL, http.RedirectHandler(storage+"/b", http.StatusTemporaryRedirect))
		network.Handle(storage, http.NotFoundHandler())
		c := newClient(t, network)
		_, err := c.Blob(t.Context(), repo, configDigest, 4096)
		wantNot(t, err, regret.ErrNotFound)
		has, err := c.HasBlob(t.Context(), repo, configDigest)
		if e := wantRegretError(t, err); has || e.Kind != "" || e.StatusCode != 404 {
			t.Errorf("has: %t, %+v", has, e)
		}
	})
}
