package regret_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// newTextLogger returns a logger and its output, which has neither times nor durations.
func newTextLogger(level slog.Level) (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" {
			return slog.Attr{}
		}
		return a
	}})), &b
}

func TestLog(t *testing.T) {
	t.Parallel()
	warn := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Add("Warning", `299 - "old\x1b[0m `+password+`"`)
		w.Header().Add("Warning", `299 - "ancient"`)
		return false
	}
	tests := []struct {
		name  string
		level slog.Level
		setUp func(p *platform)
		want  []string
	}{
		{"requests, also those for tokens, are logged at Debug", slog.LevelDebug, func(*platform) {}, []string{
			"level=DEBUG msg=request op=resolve method=HEAD url=https://registry.example.com/v2/team/app/manifests/v1 status=401",
			"level=DEBUG msg=request op=token method=GET url=https://auth.example.com/token status=200",
			"level=DEBUG msg=request op=resolve method=HEAD url=https://registry.example.com/v2/team/app/manifests/v1 status=200"}},
		{"nothing is logged at Info", slog.LevelInfo, func(*platform) {}, nil},
		{"a retry is logged at Warn", slog.LevelWarn, func(p *platform) {
			p.registry.Intercept(1, fakeregistry.On("HEAD", "/"), fakeregistry.Answer(502, nil, ""))
		}, []string{`level=WARN msg=retry op=resolve repository=team/app attempt=1 status=502`}},
		{"warnings of the registry are logged at Warn", slog.LevelWarn, func(p *platform) {
			p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" }, warn)
		}, []string{
			`level=WARN msg="warning from the registry" url=https://registry.example.com/v2/team/app/manifests/v1 warning="299 - \"old\\x1b[0m [redacted]\""`,
			`level=WARN msg="warning from the registry" url=https://registry.example.com/v2/team/app/manifests/v1 warning="299 - \"ancient\""`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			tt.setUp(p)
			logger, lines := newTextLogger(tt.level)
			wantErr(t, resolve(t, p.client(t, regret.WithLogger(logger))))
			got := strings.Split(strings.TrimSpace(lines.String()), "\n")
			if lines.Len() == 0 {
				got = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogIsRedacted(t *testing.T) {
	t.Parallel()
	network := fakeregistry.NewNetwork()
	const storage = "https://storage.example.net"
	token := "c4n4ry.t0ken-c4n4ry"
	network.Handle(authURL, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"token":%q}`, token) }))
	network.Handle(registryURL, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`?sig=`+serviceSecret+`"`)
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Warning", fmt.Sprint(req.Header))
		http.Redirect(w, req, storage+"/b?X-Signature="+serviceSecret, http.StatusTemporaryRedirect)
	}))
	network.Handle(storage, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "expired", http.StatusForbidden) }))
	var lines bytes.Buffer
	var attempts []regret.Attempt
	c := newClient(t, network, regret.WithBasicAuth(account, password), regret.WithTrustedRealm(authURL),
		regret.WithLogger(slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		regret.WithTrace(func(a regret.Attempt) { attempts = append(attempts, a) }))
	_, err := c.Manifest(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrForbidden)
	wantNoSecretInError(t, err, password, token, serviceSecret)
	wantNoSecretIn(t, "the log", lines.String(), password, token, serviceSecret)
	wantNoSecretIn(t, "the trace", fmt.Sprintf("%+v", attempts), password, token, serviceSecret)
	if n := strings.Count(lines.String(), "\n"); n != 5 {
		t.Errorf("%d lines, want those of four requests and one warning: %s", n, lines.String())
	}
}

func TestTraceReportsEveryRequest(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	p.registry.Intercept(1, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(503, nil, `{"errors":[{"code":"UNAVAILABLE"}]}`))
	p.registry.Intercept(1, fakeregistry.On("DELETE", "/"), fakeregistry.Refuse())
	var got []string
	c := p.client(t, regret.WithTrace(func(a regret.Attempt) {
		got = append(got, fmt.Sprintf("%s %s %s %d %t", a.Op, a.Method, a.URL, a.StatusCode, a.Err != nil))
		if a.Duration < 0 || a.Duration > time.Minute {
			t.Errorf("implausible duration %s", a.Duration)
		}
	}))
	wantErr(t, c.Untag(t.Context(), repo, "v1"))
	const url = registryURL + "/v2/team/app/manifests/v1"
	want := []string{
		"untag DELETE " + url + " 0 true",
		"untag DELETE " + url + " 503 false",
		"untag DELETE " + url + " 401 false",
		"token GET " + realm + " 200 false",
		"untag DELETE " + url + " 202 false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
}
