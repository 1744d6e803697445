package regret_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

func TestReportK14RateLimitsWithStatus403(t *testing.T) {
	t.Parallel()
	const secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
	for _, tt := range []struct {
		rule    string
		refusal scripted
		wait    time.Duration // -1: not repeated
	}{
		{"a time to wait is a rate limit", reply(403, secondary, "Retry-After", "1", "X-RateLimit-Remaining", "4231"), time.Second},
		{"so is an exhausted limit with its reset", reply(403, "", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"), 7 * time.Second},
		{"so are the words", reply(403, `{"message":"You have triggered an abuse detection mechanism."}`), time.Millisecond},
		{"so is the code", reply(403, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`), time.Millisecond},
		{"any other 403 is a refusal", reply(403, `{"errors":[{"code":"DENIED","message":"no"}]}`, "X-RateLimit-Remaining", "4231"), -1},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScript(tt.refusal, reply(202, ""))
				start := time.Now()
				err := newClient(t, s, withConstantWait(time.Millisecond)).Untag(t.Context(), repo, "v1")
				if tt.wait < 0 {
					wantErr(t, err, regret.ErrForbidden)
					s.want(t, "DELETE "+manifestPath("v1"))
					return
				}
				wantErr(t, err)
				if waited := time.Since(start); waited != tt.wait {
					t.Errorf("waited %v, want %v", waited, tt.wait)
				}
				wantErr(t, newClient(t, newScript(tt.refusal), withConstantWait(time.Millisecond)).Untag(t.Context(), repo, "v1"), regret.ErrRateLimited)
			})
		})
	}
}

func TestServerS4PutUnderAnotherDigest(t *testing.T) {
	t.Parallel()
	m := manifestOf(emptyImage)
	m.Descriptor.Digest = digest.SHA512.FromString(emptyImage)
	stored := reply(201, "", "Docker-Content-Digest", string(digest.FromString(emptyImage)))
	there := reply(200, "", "Content-Type", m.Descriptor.MediaType, "Docker-Content-Digest", string(m.Descriptor.Digest))
	missing := reply(404, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)
	path := manifestPath(m.Descriptor.Digest)
	for _, tt := range []struct {
		rule      string
		responses []scripted
		kind      error
		want      []string
	}{
		{"a read that finds it decides", []scripted{stored, there}, nil, []string{"PUT " + path, "HEAD " + path}},
		{"one that does not is a mismatch", []scripted{stored, missing}, regret.ErrDigestMismatch, []string{"PUT " + path, "HEAD " + path, "GET " + path}},
		{"so does one after a response without a digest", []scripted{reply(201, ""), missing}, regret.ErrDigestMismatch, []string{"PUT " + path, "HEAD " + path, "GET " + path}},
		{"so does one after a response with a malformed digest", []scripted{reply(201, "", "Docker-Content-Digest", "x"), there}, nil, []string{"PUT " + path, "HEAD " + path}},
		{"one that fails leaves it unknown", []scripted{stored, reply(401, "")}, regret.ErrOutcomeUnknown, []string{"PUT " + path, "HEAD " + path}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := newScript(tt.responses...)
			err := newClient(t, s).PutManifest(t.Context(), repo, string(m.Descriptor.Digest), m)
			if tt.kind == nil {
				wantErr(t, err)
			} else {
				wantErr(t, err, tt.kind)
			}
			s.want(t, tt.want...)
		})
	}
}

func TestServerS5WhatAManifestRefersToIsMissing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule   string
		status int
		body   string
		named  bool
	}{
		{"distribution", 400, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":{"digest":"` + aDigest + `"}}]}`, true},
		{"Gitea", 404, `{"errors":[{"code":"BLOB_UNKNOWN","message":""}]}`, false},
		{"another status", 422, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`, false},
		{"a child of an index", 404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := newScript(reply(tt.status, tt.body))
			err := newClient(t, s).PutManifest(t.Context(), repo, "v1", manifestOf(emptyImage))
			wantErr(t, err, regret.ErrContentMissing)
			wantNot(t, err, regret.ErrNotFound)
			if tt.named {
				wantText(t, err, aDigest)
			}
			s.want(t, "PUT "+manifestPath("v1"))
		})
	}
	t.Run("a repository that is missing is not found", func(t *testing.T) {
		t.Parallel()
		s := newScript(reply(404, `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}`))
		wantErr(t, newClient(t, s).PutManifest(t.Context(), repo, "v1", manifestOf(emptyImage)), regret.ErrNotFound)
	})
}

func TestServerS5DigestWithSeveralTagsAtZot(t *testing.T) {
	t.Parallel()
	served := reply(200, "", "Content-Type", "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest", aDigest)
	s := newScript(served, reply(409, `{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}`))
	wantErr(t, newClient(t, s).DeleteManifest(t.Context(), repo, aDigest), regret.ErrStillTagged)
}

func TestAttackR3SecretInThePathOfALocation(t *testing.T) {
	t.Parallel()
	const secret = "Pass/w\u00f6rd! longer"
	var every strings.Builder
	for _, b := range []byte(secret) {
		fmt.Fprintf(&every, "%%%02x", b)
	}
	for rule, location := range map[string]string{
		"as a segment":                   "/echo/" + url.PathEscape(secret) + "/x",
		"as a path":                      (&url.URL{Path: "/echo/" + secret + "/x"}).String(),
		"at another origin":              "https://storage.example.net/" + url.PathEscape(secret),
		"with every byte escaped":        "/echo/" + every.String(),
		"at another origin, all escaped": "https://storage.example.net/" + every.String() + "/x",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			var traced []string
			s := newScript(reply(401, "", "WWW-Authenticate", "Basic"), reply(307, "", "Location", location), reply(500, "no"))
			c := newClient(t, s, regret.WithBasicAuth(account, secret),
				regret.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
				regret.WithTrace(func(a regret.Attempt) { traced = append(traced, a.URL) }))
			_, err := c.Manifest(t.Context(), repo, "v1")
			e := wantErr(t, err, regret.ErrUnavailable)
			for what, text := range map[string]string{"URL": e.URL, "text": err.Error(), "log": log.String(), "trace": fmt.Sprint(traced)} {
				plain, err := url.PathUnescape(text)
				if err != nil {
					plain = text
				}
				if strings.Contains(plain, secret) || strings.Contains(plain, "longer") {
					t.Errorf("the %s shows the password: %s", what, text)
				}
			}
		})
	}
}

func TestAttackR4ClientCertificateStaysAtTheRegistry(t *testing.T) {
	t.Parallel()
	shown := func(count *atomic.Int64, h http.HandlerFunc) *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if len(req.TLS.PeerCertificates) > 0 {
				count.Add(1)
			}
			h(w, req)
		}))
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	var atStorage, atRegistry atomic.Int64
	storage := shown(&atStorage, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		if _, err := io.WriteString(w, emptyImage); err != nil {
			t.Error(err)
		}
	})
	registry := shown(&atRegistry, func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, storage.URL+"/blob", http.StatusTemporaryRedirect)
	})
	config := registry.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.Certificates = registry.TLS.Certificates // any key pair will do
	config.InsecureSkipVerify = true                // two servers with the same certificate
	c, err := regret.New(registry.URL, regret.WithTLSConfig(config))
	wantErr(t, err)
	t.Cleanup(c.CloseIdleConnections)
	_, err = c.Manifest(t.Context(), repo, "v1")
	wantErr(t, err)
	if atRegistry.Load() != 1 || atStorage.Load() != 0 {
		t.Errorf("the certificate was shown %d times at the registry, %d times elsewhere; want once, never", atRegistry.Load(), atStorage.Load())
	}
}

func TestAttackR5TwoDigestsInTheResponseToADeletion(t *testing.T) {
	t.Parallel()
	other := string(digest.FromString("other"))
	served := reply(200, "", "Content-Type", "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest", aDigest)
	missing := reply(404, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)
	for _, tt := range []struct {
		rule   string
		fields []string
		then   scripted
		kind   error
	}{
		{"one, the right one, is success", []string{"Docker-Content-Digest", aDigest}, missing, nil},
		{"one that is none, and it is gone", []string{"Docker-Content-Digest", "zz"}, missing, nil},
		{"one that is none, and it is still there", []string{"Docker-Content-Digest", `"` + other + `"`}, served, regret.ErrStillPresent},
		{"one that is none beside another, although it is gone", []string{"Docker-Content-Digest", "zz", "Docker-Content-Digest", other}, missing, regret.ErrOutcomeUnknown},
		{"two are a contradiction, although it is gone", []string{"Docker-Content-Digest", aDigest, "Docker-Content-Digest", other}, missing, regret.ErrOutcomeUnknown},
		{"two, and it is still there", []string{"Docker-Content-Digest", other, "Docker-Content-Digest", aDigest}, served, regret.ErrStillPresent},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			err := newClient(t, newScript(served, reply(202, "", tt.fields...), tt.then)).DeleteManifest(t.Context(), repo, aDigest)
			if tt.kind == nil {
				wantErr(t, err)
			} else {
				wantErr(t, err, tt.kind)
			}
		})
	}
}

func TestAttackR7SecretsAreRedactedBeforeTextIsCut(t *testing.T) {
	t.Parallel()
	const secret = "a-very-long-password-that-is-cut-somewhere"
	for pad := range 60 {
		filler := strings.Repeat("x", 150+pad)
		for _, response := range []scripted{
			reply(200, `{"tags":["`+filler+" "+secret+`"]}`),
			reply(200, `{"name":"`+filler+secret+`","tags":[]}`),
			reply(200, "{}", "Content-Type", filler+secret),
			reply(200, `{"tags":[]}`, "Link", `<`+filler+secret),
			reply(400, filler+" "+secret),
		} {
			s := newScript(reply(401, "", "WWW-Authenticate", "Basic"), response)
			_, err := collect(t, newClient(t, s, regret.WithBasicAuth(account, secret)).Tags(t.Context(), repo))
			if err == nil {
				continue
			}
			for n := len(secret); n >= 8; n-- {
				if strings.Contains(err.Error(), secret[:n]) {
					t.Fatalf("%d bytes of the secret are left: %v", n, err)
				}
			}
			if e, ok := errors.AsType[*regret.Error](err); ok && e.Err != nil && strings.Contains(e.Err.Error(), secret[:8]) {
				t.Fatalf("the cause holds a part of the secret: %v", e.Err)
			}
		}
	}
}
