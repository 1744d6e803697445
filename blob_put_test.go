package regret_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const uploadsPath = "/v2/" + repo + "/blobs/uploads/"

// putConfig pushes imageConfig to repo.
func putConfig(t *testing.T, c *regret.Client) error {
	t.Helper()
	return c.PutBlob(t.Context(), repo, configDigest, []byte(imageConfig))
}

func TestPutBlobStoresABlob(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, content string
		dgst          digest.Digest
	}{
		{"under its digest", imageConfig, configDigest},
		{"under its sha512 digest", imageConfig, digest.SHA512.FromString(imageConfig)},
		{"that is empty", "", digest.FromString("")},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			c := newClient(t, reg)
			wantErr(t, c.PutBlob(t.Context(), repo, test.dgst, []byte(test.content)))
			sent := reg.Requests()
			if got := methods(t, reg); got != "HEAD 404, POST 202, PUT 201" || sent[1].Path != uploadsPath {
				t.Fatalf("requests %q", requests(t, reg))
			}
			put := sent[2]
			if string(put.Body) != test.content || put.Header.Get("Content-Type") != "application/octet-stream" || put.Query != "digest="+url.QueryEscape(string(test.dgst)) {
				t.Errorf("sent %q as %q to ?%s", put.Body, put.Header.Get("Content-Type"), put.Query)
			}
			if len(sent[1].Body) > 0 {
				t.Errorf("the POST had the body %q", sent[1].Body)
			}
			got, err := c.Blob(t.Context(), repo, test.dgst, 4096)
			wantErr(t, err)
			if string(got) != test.content {
				t.Errorf("stored %q", got)
			}
			reg.ResetLog()
			wantErr(t, c.PutBlob(t.Context(), repo, test.dgst, []byte(test.content)))
			wantRequests(t, reg, blobLine("HEAD", test.dgst, 200)) // it is there already
		})
	}
	t.Run("with one token", func(t *testing.T) {
		t.Parallel()
		p := newPlatform()
		p.registry.Intercept(1, fakeregistry.On("PUT", "/v2/"), p.registry.LoseRequest())
		wantErr(t, p.client(t).PutBlob(t.Context(), repo, configDigest, []byte(imageConfig)))
		want := []string{"HEAD registry 401", "GET auth 200", "HEAD registry 404", "POST registry 202", "PUT registry 0",
			"HEAD registry 404", "GET registry 404", "POST registry 202", "PUT registry 201"} // the look after the lost PUT, too
		if diff := cmp.Diff(want, traffic(p.Network)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"repository:team/app:pull,push"}, scopes(p.tokens)); diff != "" {
			t.Errorf("scopes (-want +got):\n%s", diff)
		}
	})
}

// The Location is the server's choice.
func TestPutBlobUploadsToTheRegistryOnly(t *testing.T) {
	t.Parallel()
	withDigest := "?digest=" + url.QueryEscape(string(configDigest))
	for _, test := range []struct {
		rule, location string
		want           string // the URI of the PUT; empty if there must be none
		kind           error
		says           string
	}{
		{"an absolute path", uploadsPath + "1", uploadsPath + "1" + withDigest, nil, ""},
		{"a relative path", "1", uploadsPath + "1" + withDigest, nil, ""},
		{"a relative path that leads up", "../../../../up/1", "/v2/up/1" + withDigest, nil, ""},
		{"a URL of the registry", registryURL + uploadsPath + "1", uploadsPath + "1" + withDigest, nil, ""},
		{"a URL of the registry with its port and in upper case", "HTTPS://Registry.Example.com:443" + uploadsPath + "1", uploadsPath + "1" + withDigest, nil, ""},
		{"a URL of the registry without a scheme", "//" + host + uploadsPath + "1", uploadsPath + "1" + withDigest, nil, ""},
		{"a path with a query, which is kept as it is", uploadsPath + "1?_state=a%2Fb%3D&x", uploadsPath + "1?_state=a%2Fb%3D&x&digest=" + url.QueryEscape(string(configDigest)), nil, ""},
		{"a query alone", "?upload=1", uploadsPath + "?upload=1&digest=" + url.QueryEscape(string(configDigest)), nil, ""},
		{"a fragment, which is not sent", uploadsPath + "1#x", uploadsPath + "1" + withDigest, nil, ""},
		{"a path of another API, as Google's", "/artifacts-uploads/namespaces/p/repositories/r/uploads/AF2x", "/artifacts-uploads/namespaces/p/repositories/r/uploads/AF2x" + withDigest, nil, ""},
		{"a path with escaped characters", uploadsPath + "a%2Fb%20c", uploadsPath + "a%2Fb%20c" + withDigest, nil, ""},
		{"a repository with the name of manifests", "/v2/team/manifests/blobs/uploads/1", "/v2/team/manifests/blobs/uploads/1" + withDigest, nil, ""},
		{"another host", "https://evil.example.net" + uploadsPath + "1", "", regret.ErrRedirect, "evil.example.net"},
		{"another host without a scheme", "//evil.example.net/1", "", regret.ErrRedirect, "evil.example.net"},
		{"a sub-domain", "https://cdn." + host + "/1", "", regret.ErrRedirect, "relativeurls"},
		{"another port", registryURL + ":8443/1", "", regret.ErrRedirect, "relativeurls"},
		{"plain http", "http://" + host + uploadsPath + "1", "", regret.ErrRedirect, "X-Forwarded-Proto"},
		{"user information", "https://" + serviceSecret + "@" + host + "/1", "", regret.ErrRedirect, "user information"},
		{"another host with a secret", "https://a:" + serviceSecret + "@evil.example.net/1?" + serviceSecret, "", regret.ErrRedirect, ""},
		{"a file", "file:///etc/passwd", "", regret.ErrRedirect, ""},
		{"a script", "javascript:alert(1)", "", regret.ErrRedirect, ""},
		{"a URL without a host", "https:///1", "", regret.ErrRedirect, ""},
		{"an opaque URL", "https:" + host + "/1", "", regret.ErrRedirect, ""},
		{"the path of a tag", "/v2/" + repo + "/manifests/v1", "", regret.ErrRedirect, "manifest"},
		{"the path of a tag for a server that ignores case", "/v2/" + repo + "/Manifests/v1", "", regret.ErrRedirect, "manifest"},
		{"the path of a tag for a server that ignores what follows a semicolon", "/v2/" + repo + "/manifests;x/v1", "", regret.ErrRedirect, "manifest"},
		{"control characters", uploadsPath + "%1b%0a", "", regret.ErrNotRegistry, "Location"},
		{"the path of a tag with a slash after it", "/v2/" + repo + "/manifests/v1/", "", regret.ErrRedirect, "manifest"},
		{"the path of a tag by way of dots", "/v2/x/%2e%2e/" + repo + "/manifests/y/%2e%2e/v1", "", regret.ErrRedirect, "manifest"},
		{"the path of a tag with an escaped slash", "/v2/" + repo + "/manifests%2Fv1", "", regret.ErrRedirect, "manifest"},
		{"the path of a tag with an escaped letter", "/v2/" + repo + "/manif%65sts/v1", "", regret.ErrRedirect, "manifest"},
		{"nothing", "", "", regret.ErrNotRegistry, "no Location"},
		{"no URL", "https://%zz" + serviceSecret, "", regret.ErrNotRegistry, "malformed"},
		{"a space in the query", uploadsPath + "1?a b", "", regret.ErrNotRegistry, "malformed"},
		{"a backslash", `\\evil.example.net\1`, "", regret.ErrNotRegistry, "malformed"},
		{"a letter outside of ASCII", uploadsPath + "é", "", regret.ErrNotRegistry, "malformed"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var sent, puts []string
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				sent = append(sent, req.Method)
				if req.URL.Host != host && req.URL.Host != host+":443" || req.URL.Scheme != "https" {
					t.Errorf("%s to %s", req.Method, req.URL)
				}
				switch req.Method {
				case http.MethodHead:
					return respond(req, 404, ""), nil
				case http.MethodPost:
					return respond(req, 202, "", "Location", test.location), nil
				}
				raw, err := io.ReadAll(req.Body)
				puts = append(puts, req.URL.RequestURI())
				if err != nil || string(raw) != imageConfig || req.Header.Get("Authorization") != "Bearer c4n4ry-t0ken" {
					t.Errorf("sent %q, %v, with %v", raw, err, req.Header)
				}
				return respond(req, 201, ""), nil
			}), regret.WithToken("c4n4ry-t0ken"))
			err := putConfig(t, c)
			if test.kind == nil {
				wantErr(t, err)
				if diff := cmp.Diff([]string{test.want}, puts); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			e := wantErr(t, err, test.kind)
			wantText(t, err, test.says)
			wantNoSecretInError(t, err, serviceSecret, "c4n4ry-t0ken")
			if got := strings.Join(sent, " "); got != "HEAD POST" || e.Method != "POST" || e.StatusCode != 202 {
				t.Errorf("requests %q, error %+v", got, e)
			}
		})
	}
}

func TestPutBlobReportsARefusal(t *testing.T) {
	t.Parallel()
	answer := fakeregistry.Answer
	readOnly := answer(405, header("Content-Type", "text/plain; charset=utf-8", "Allow", "GET, HEAD"), "Method not allowed")
	for _, test := range []struct {
		rule  string
		steps []step
		want  []error
		sent  string
	}{
		{"401 of the HEAD", []step{{0, "HEAD", failing(401, "UNAUTHORIZED")}}, []error{regret.ErrUnauthorized}, "HEAD 401"},
		{"500 of the HEAD", []step{{0, "HEAD", failing(500, "UNKNOWN")}}, []error{regret.ErrUnavailable}, "HEAD 500, HEAD 500, HEAD 500, HEAD 500"},
		{"the page of a portal", []step{{0, "HEAD", responding(answer(200, header("Content-Type", "text/html"), ""))}}, []error{regret.ErrNotRegistry}, "HEAD 200"},
		{"403 of the POST", []step{{0, "POST", failing(403, "DENIED")}}, []error{regret.ErrForbidden, regret.CodeDenied}, "HEAD 404, POST 403"},
		{"a repository that must be created first", []step{{0, "POST", failing(404, "NAME_UNKNOWN")}}, []error{regret.ErrNotFound}, "HEAD 404, POST 404"},
		{"a registry in read-only mode", []step{{0, "POST", responding(readOnly)}}, []error{regret.ErrReadOnly}, "HEAD 404, POST 405"},
		{"200 of the POST", []step{{0, "POST", responding(answer(200, nil, ""))}}, []error{regret.ErrNotRegistry}, "HEAD 404, POST 200"},
		{"a redirected POST", []step{{0, "POST", responding(fakeregistry.Redirect(307, registryURL+"/x"))}}, []error{regret.ErrRedirect}, "HEAD 404, POST 307"},
		{"403 of the PUT", []step{{0, "PUT", failing(403, "DENIED")}}, []error{regret.ErrForbidden}, "HEAD 404, POST 202, PUT 403"},
		{"400 of the PUT", []step{{0, "PUT", failing(400, "DIGEST_INVALID")}}, []error{regret.CodeDigestInvalid}, "HEAD 404, POST 202, PUT 400"},
		{"413 of the PUT", []step{{0, "PUT", failing(413, "SIZE_INVALID")}}, []error{regret.CodeSizeInvalid}, "HEAD 404, POST 202, PUT 413"},
		{"200 of the PUT", []step{{0, "PUT", responding(answer(200, nil, ""))}}, []error{regret.ErrNotRegistry}, "HEAD 404, POST 202, PUT 200"},
		{"202 of the PUT", []step{{0, "PUT", responding(answer(202, nil, ""))}}, []error{regret.ErrNotRegistry}, "HEAD 404, POST 202, PUT 202"},
		{"a redirected PUT", []step{{0, "PUT", responding(fakeregistry.Redirect(307, "https://evil.example.net/x"))}}, []error{regret.ErrRedirect}, "HEAD 404, POST 202, PUT 307"},
		{"another digest", []step{{0, "PUT", responding(answer(201, header("Docker-Content-Digest", someDigest), ""))}}, []error{regret.ErrDigestMismatch}, "HEAD 404, POST 202, PUT 201"},
		{"a digest of another algorithm if it is stored under that only",
			[]step{{0, "PUT", responding(answer(201, header("Docker-Content-Digest", string(digest.SHA512.FromString(imageConfig))), ""))}},
			[]error{regret.ErrDigestMismatch}, "HEAD 404, POST 202, PUT 201, HEAD 404, GET 404"},
		{"a digest of another algorithm if that cannot be seen",
			[]step{{0, "PUT", responding(answer(201, header("Docker-Content-Digest", string(digest.SHA512.FromString(imageConfig))), ""))}, {0, "GET", htmlNotFound}},
			[]error{regret.ErrOutcomeUnknown}, "HEAD 404, POST 202, PUT 201, HEAD 404, GET 404"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			play(reg, test.steps...)
			err := putConfig(t, newClient(t, reg))
			if e := wantErr(t, err, test.want...); e.Op != "put blob" || e.Reference != string(configDigest) {
				t.Errorf("error has unexpected fields: %+v", e)
			}
			if strings.Contains(err.Error(), "what the manifest refers to") {
				t.Errorf("the advice is about a manifest: %v", err)
			}
			if got := methods(t, reg); got != test.sent {
				t.Errorf("requests %q, want %q", got, test.sent)
			}
		})
	}
	t.Run("but not a malformed digest, nor one of another algorithm if the blob is there", func(t *testing.T) {
		t.Parallel()
		for _, named := range []string{"sha256:zz", string(digest.SHA512.FromString(imageConfig))} {
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("PUT", "/v2/"), altered(reg, func(h http.Header) { h.Set("Docker-Content-Digest", named) }))
			wantErr(t, putConfig(t, newClient(t, reg)))
		}
	})
	t.Run("a blob that a PUT does not know is no missing content of a manifest", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		play(reg, step{0, "PUT", failing(404, "BLOB_UNKNOWN")})
		err := putConfig(t, newClient(t, reg))
		wantErr(t, err, regret.ErrNotFound)
		wantNot(t, err, regret.ErrContentMissing)
	})
}

func TestPutBlobIsRetriedOnlyIfThatIsSafe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		steps []step
		want  []error
		sent  string
		there bool
	}{
		{"a lost HEAD is sent again", []step{{1, "HEAD", loseRequest}}, nil, "HEAD 0 lost, HEAD 404, POST 202, PUT 201", true},
		{"a lost POST is sent again", []step{{1, "POST", loseRequest}}, nil, "HEAD 404, POST 0 lost, POST 202, PUT 201", true},
		{"so is a POST whose response is lost", []step{{1, "POST", loseResponse}}, nil, "HEAD 404, POST 202 lost, POST 202, PUT 201", true},
		{"so is a POST after 500", []step{{1, "POST", failing(500, "UNKNOWN")}}, nil, "HEAD 404, POST 500, POST 202, PUT 201", true},
		{"a POST that never succeeds has stored nothing", []step{{0, "POST", failing(502, "")}}, []error{regret.ErrUnavailable},
			"HEAD 404, POST 502, POST 502, POST 502, POST 502", false},
		{"a PUT whose response is lost has stored the blob", []step{{1, "PUT", loseResponse}}, nil, "HEAD 404, POST 202, PUT 201 lost, HEAD 200", true},
		{"after a lost PUT another upload begins", []step{{1, "PUT", loseRequest}}, nil, "HEAD 404, POST 202, PUT 0 lost, HEAD 404, GET 404, POST 202, PUT 201", true},
		{"and after 500", []step{{1, "PUT", failing(500, "UNKNOWN")}}, nil, "HEAD 404, POST 202, PUT 500, HEAD 404, GET 404, POST 202, PUT 201", true},
		{"and after 503 of a proxy", []step{{1, "PUT", failing(503, "")}}, nil, "HEAD 404, POST 202, PUT 503, HEAD 404, GET 404, POST 202, PUT 201", true},
		{"but only once", []step{{0, "PUT", failing(502, "")}}, []error{regret.ErrUnavailable},
			"HEAD 404, POST 202, PUT 502, HEAD 404, GET 404, POST 202, PUT 502, HEAD 404, GET 404", false},
		{"502 after the blob was stored is success", []step{{1, "PUT", does(failing(502, ""))}}, nil, "HEAD 404, POST 202, PUT 502, HEAD 200", true},
		{"a second upload may be the one whose response is lost", []step{{1, "PUT", loseRequest}, {1, "PUT", loseResponse}}, nil,
			"HEAD 404, POST 202, PUT 0 lost, HEAD 404, GET 404, POST 202, PUT 201 lost, HEAD 200", true},
		{"503 of the registry leaves the upload open", []step{{1, "PUT", failing(503, "UNAVAILABLE")}}, nil, "HEAD 404, POST 202, PUT 503, PUT 201", true},
		{"so does 429", []step{{1, "PUT", failing(429, "TOOMANYREQUESTS")}}, nil, "HEAD 404, POST 202, PUT 429, PUT 201", true},
		{"a connection that is refused is no attempt", []step{{1, "PUT", refused}}, nil, "HEAD 404, POST 202, PUT 201", true}, // the log has no refused connections
		{"an upload that the registry has dropped is begun again", []step{{1, "PUT", failing(404, "BLOB_UPLOAD_UNKNOWN")}}, nil, "HEAD 404, POST 202, PUT 404, POST 202, PUT 201", true},
		{"but only once, too", []step{{0, "PUT", failing(404, "BLOB_UPLOAD_UNKNOWN")}}, []error{regret.CodeBlobUploadUnknown}, "HEAD 404, POST 202, PUT 404, POST 202, PUT 404", false},
		{"the outcome is unknown if the look fails", []step{{1, "HEAD", pass}, {0, "PUT", loseResponse}, {0, "HEAD", failing(401, "UNAUTHORIZED")}}, []error{regret.ErrOutcomeUnknown},
			"HEAD 404, POST 202, PUT 201 lost, HEAD 401", true},
		{"or if a 404 has no code", []step{{0, "PUT", loseRequest}, {0, "HEAD", htmlNotFound}, {0, "GET", htmlNotFound}}, []error{regret.ErrOutcomeUnknown},
			"HEAD 404, POST 202, PUT 0 lost, HEAD 404, GET 404", false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			play(reg, test.steps...)
			err := putConfig(t, newClient(t, reg))
			wantErr(t, err, test.want...)
			if got := methods(t, reg); got != test.sent {
				t.Errorf("requests %q, want %q", got, test.sent)
			}
			if reg.HasBlob(repo, configDigest) != test.there {
				t.Errorf("the blob is there: %t", !test.there)
			}
			for _, r := range reg.Writes() {
				if r.Method == "PUT" && r.Status != 0 && string(r.Body) != imageConfig {
					t.Errorf("%s had the body %q", r, r.Body)
				}
			}
		})
	}
}

func TestPutBlobEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for method, want := range map[string][]error{
		"HEAD": {context.DeadlineExceeded},
		"POST": {context.DeadlineExceeded},
		"PUT":  {context.DeadlineExceeded, regret.ErrOutcomeUnknown},
	} {
		t.Run("in the "+method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				play(reg, step{0, method, hang})
				ctx, cancel := withTimeout(t, 3*time.Second)
				defer cancel()
				wantDuration(t, 3*time.Second, func() {
					err := newClient(t, reg).PutBlob(ctx, repo, configDigest, []byte(imageConfig))
					wantErr(t, err, want...)
					if method != "PUT" {
						wantNot(t, err, regret.ErrOutcomeUnknown)
					}
				})
			})
		})
	}
}

// A registry that knows sha256 only may store the content under another digest than it was put
// under, and say so or not.
func TestPutBlobUnderAnotherDigest(t *testing.T) {
	t.Parallel()
	dgst := digest.SHA512.FromString(imageConfig)
	blob := "/v2/" + repo + "/blobs/" + string(dgst)
	missing := reply(404, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`)
	for _, tt := range []struct {
		rule   string
		fields []string
		look   []scripted
		kind   error
	}{
		{"it names the other", []string{"Docker-Content-Digest", string(configDigest)}, []scripted{missing, missing}, regret.ErrDigestMismatch},
		{"it names none", nil, []scripted{missing, missing}, regret.ErrDigestMismatch},
		{"it names none, and has it", nil, []scripted{reply(200, "", "Docker-Content-Digest", string(dgst))}, nil},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := newScript(append([]scripted{missing, reply(202, "", "Location", uploadsPath+"1"), reply(201, "", tt.fields...)}, tt.look...)...)
			err := newClient(t, s).PutBlob(t.Context(), repo, dgst, []byte(imageConfig))
			if tt.kind == nil {
				wantErr(t, err)
			} else {
				wantErr(t, err, tt.kind)
			}
			want := []string{"HEAD " + blob, "POST " + uploadsPath, "PUT " + uploadsPath + "1?digest=" + url.QueryEscape(string(dgst)), "HEAD " + blob, "GET " + blob}
			s.want(t, want[:3+len(tt.look)]...)
		})
	}
}

func TestPutBlobBelievesTheDigestOfAHead(t *testing.T) {
	t.Parallel()
	var sent []string
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		sent = append(sent, req.Method)
		resp := respond(req, 200, "", "Docker-Content-Digest", string(configDigest))
		resp.ContentLength = -1
		return resp, nil
	}))
	wantErr(t, c.PutBlob(t.Context(), repo, configDigest, []byte(imageConfig)))
	if diff := cmp.Diff([]string{"HEAD"}, sent); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A proxy may answer every HEAD with a page of its own.
func TestPutBlobDoesNotBelieveAnotherSize(t *testing.T) {
	t.Parallel()
	s := newScript(reply(200, "", "Content-Type", "application/json"),
		reply(202, "", "Location", uploadsPath+"1"), reply(201, "", "Docker-Content-Digest", string(configDigest)))
	proxy := roundTrip(func(req *http.Request) (*http.Response, error) {
		resp, err := s.RoundTrip(req)
		if req.Method == http.MethodHead {
			resp.ContentLength = 2
		}
		return resp, err
	})
	wantErr(t, newClient(t, proxy).PutBlob(t.Context(), repo, configDigest, []byte(imageConfig)))
	s.want(t, "HEAD /v2/"+repo+"/blobs/"+string(configDigest), "POST "+uploadsPath, "PUT "+uploadsPath+"1?digest="+url.QueryEscape(string(configDigest)))
}
