package regret_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// served answers as a registry that has this manifest.
func served(req *http.Request, dgst digest.Digest) (*http.Response, error) {
	return respond(req, http.StatusOK, "", "Docker-Content-Digest", string(dgst), "Content-Type", "application/vnd.oci.image.manifest.v1+json"), nil
}

func TestATokenIsFetchedOverTheOnlyConnection(t *testing.T) {
	t.Parallel()
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/token":
			fmt.Fprint(w, `{"token":"abcdefgh"}`)
		case req.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",scope="repository:team/app:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`)
		default:
			fmt.Fprint(w, `{"name":"team/app","tags":["v1"]}`)
		}
	}))
	t.Cleanup(srv.Close)
	c := newClientOf(t, srv.URL, &http.Transport{MaxConnsPerHost: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // where it would hang
	defer cancel()
	for _, err := range c.Tags(ctx, repo) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestADELETEWhoseAnswerIsNotTLSMayHaveArrived(t *testing.T) {
	t.Parallel()
	var deletes, gone atomic.Int32
	dgst := digest.FromString("x")
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodDelete:
			deletes.Add(1)
			gone.Store(1)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			raw := conn.(*tls.Conn).NetConn()
			fmt.Fprint(raw, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			raw.Close()
		case gone.Load() == 1:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)
		default:
			w.Header().Set("Docker-Content-Digest", string(dgst))
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
	}))
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := newClientOf(t, srv.URL, srv.Client().Transport)
	if err := c.DeleteManifest(t.Context(), repo, dgst); err != nil {
		t.Error(err)
	}
	gone.Store(0)
	if err := c.Untag(t.Context(), repo, "v1"); err != nil {
		t.Error(err)
	}
	if n := deletes.Load(); n != 2 {
		t.Errorf("%d DELETEs, want one of the digest and one of the tag", n)
	}
}

func TestA202WithErrorsOfAnyFormIsLookedAfter(t *testing.T) {
	t.Parallel()
	dgst := digest.FromString("x")
	for _, body := range []string{`{"errors":[{"message":"could not remove tag"}]}`, `{"errors":[{"code":500,"message":"storage failed"}]}`, `{"errors":["failed"]}`, `{"errors":[{"code":"UNKN`} {
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodDelete {
				return respond(req, http.StatusAccepted, body), nil
			}
			return served(req, dgst)
		}))
		wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), regret.ErrStillPresent)
	}
}

func TestTheTargetOfARedirectSpeaksForItself(t *testing.T) {
	t.Parallel()
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Host == "cdn.example.net":
			return respond(req, http.StatusTooManyRequests, "slow down", "Retry-After", "30"), nil
		case strings.Contains(req.URL.Path, "manifests"):
			return respond(req, http.StatusTemporaryRedirect, "", "Location", "https://cdn.example.net/blob?sig=1"), nil
		}
		return respond(req, http.StatusOK, "{}"), nil
	}), regret.WithRetries(regret.Retries{Budget: time.Minute, RetryAfterMax: time.Minute}))
	_, err := c.Manifest(t.Context(), repo, "v1")
	if e := wantErr(t, err, regret.ErrRateLimited); e.URL != "https://cdn.example.net/blob" {
		t.Errorf("the error is about %s", e.URL)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // less than the other host asked for
	defer cancel()
	if err := c.Ping(ctx); err != nil {
		t.Errorf("the registry was held back for another host: %v", err)
	}
}

func TestABareNotFoundIsNoProof(t *testing.T) {
	t.Parallel()
	dgst := digest.FromString("x")
	deletes := 0
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodDelete {
			return served(req, dgst)
		}
		if deletes++; deletes == 1 {
			return respond(req, http.StatusGatewayTimeout, ""), nil
		}
		return respond(req, http.StatusNotFound, `{"code":"NOT_FOUND","message":"no route matched"}`), nil
	}))
	wantNot(t, c.DeleteManifest(t.Context(), repo, dgst), regret.ErrNotFound)
	if err := c.CheckDelete(t.Context(), repo); err == nil {
		t.Error("CheckDelete takes a gateway's word for the registry's")
	}
}

func TestUntagBelievesWhatItSawItself(t *testing.T) {
	t.Parallel()
	type untagging struct{}
	before, after := digest.FromString("before"), digest.FromString("after")
	for range 300 { // others resolve the tag all the while, and have older answers
		var deletes atomic.Int32
		var moved atomic.Bool
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.Method == http.MethodDelete && deletes.Add(1) == 1:
				return nil, errors.New("connection lost")
			case req.Method == http.MethodDelete:
				return respond(req, http.StatusAccepted, ""), nil
			case req.Context().Value(untagging{}) != nil && moved.Load():
				return served(req, after)
			}
			return served(req, before)
		}))
		if _, err := c.ResolveDigest(t.Context(), repo, "v1"); err != nil {
			t.Fatal(err)
		}
		moved.Store(true)
		others, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for others.Err() == nil {
					if _, err := c.ResolveDigest(others, repo, "v1"); err != nil && others.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		err := c.Untag(context.WithValue(t.Context(), untagging{}, true), repo, "v1")
		stop()
		wg.Wait()
		wantErr(t, err, regret.ErrOutcomeUnknown)
		if n := deletes.Load(); n != 1 {
			t.Fatalf("%d DELETEs: the second hit what was pushed anew", n)
		}
	}
}

func TestARepeatedPageCountsOnce(t *testing.T) {
	t.Parallel()
	tags := make([]string, 1000)
	for i := range tags {
		tags[i] = fmt.Sprintf(`"t%d"`, i)
	}
	limits := regret.DefaultLimits()
	limits.Entries = len(tags)
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, `{"tags":[`+strings.Join(tags, ",")+`]}`), nil
	}), regret.WithLimits(limits))
	n := 0
	for _, err := range c.Tags(t.Context(), repo) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(tags) {
		t.Errorf("%d tags, want %d", n, len(tags))
	}
}

func TestNilsAreRefusedByNew(t *testing.T) {
	t.Parallel()
	_, err := regret.New(host, nil, regret.WithCredentials(credentials.Func(nil)))
	wantErr(t, err, regret.ErrInvalid)
	wantText(t, err, "an option is nil", "the function is nil")
}

func TestARepositoryThatIsAnAddressDoesNotShowItsPassword(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	c := newClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("sent") }))
	_, err := c.ResolveDigest(t.Context(), "https://user:"+secret+"@registry.example.com/a", "v1")
	wantErr(t, err, regret.ErrInvalid)
	wantDiscreet(t, err, secret)
}

func TestASecretThatWasCutIsNotShown(t *testing.T) {
	t.Parallel()
	const secret = "c4n4ry-c4n4ry-c4n4ry"
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") == "" {
			return respond(req, http.StatusUnauthorized, "", "WWW-Authenticate", `Basic realm="x"`), nil
		}
		return respond(req, http.StatusForbidden, "you sent "+secret[:13]), nil
	}), regret.WithBasicAuth("ann", secret))
	err := c.Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrForbidden)
	wantText(t, err, "you sent [redacted]")
}

// A password that is a part of a code, or begins as a message ends, changes no
// meaning.
func TestAPasswordLikeAWordChangesNoMeaning(t *testing.T) {
	t.Parallel()
	for password, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"UNKNOWN-secret": fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
		"UNKNOWN":        fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
		"unknown-secret": fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
	} {
		t.Run(password, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth("ann", password))
			reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg, regret.WithBasicAuth("ann", password))
			wantErr(t, resolve(t, c))
			reg.Intercept(0, fakeregistry.On("", manifestPath("v2")), answer)
			_, err := c.ResolveDigest(t.Context(), repo, "v2")
			wantErr(t, err, regret.ErrNotFound, regret.CodeManifestUnknown)
		})
	}
}

func TestA404OfTheTokenServiceIsNotTheRegistrys(t *testing.T) {
	t.Parallel()
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Path == "/token":
			return respond(req, http.StatusNotFound, ""), nil
		case strings.Contains(req.URL.Path, "/manifests/"):
			return respond(req, http.StatusNotFound, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`), nil
		}
		return respond(req, http.StatusUnauthorized, "", "WWW-Authenticate", `Bearer realm="https://registry.example.com/token"`), nil
	}))
	var last error
	for _, err := range c.Referrers(t.Context(), repo, digest.FromString("x")) {
		last = err
	}
	if last == nil {
		t.Error("no referrers, and no error")
	}
}

func TestAnEmptyPageHidesNoRepetition(t *testing.T) {
	t.Parallel()
	pages := 0
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		pages++
		next := fmt.Sprintf(`<%s?page=%d>; rel="next"`, req.URL.Path, pages)
		switch pages {
		case 1:
			return respond(req, http.StatusOK, `{"tags":["a","b"]}`, "Link", next), nil
		case 2:
			return respond(req, http.StatusOK, `{"tags":[]}`, "Link", next), nil
		}
		return respond(req, http.StatusOK, `{"tags":["a","b"]}`), nil
	}))
	var last error
	for _, err := range c.Tags(t.Context(), repo) {
		last = err
	}
	wantErr(t, last, regret.ErrIncompleteList)
}
