package threats_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
)

// Secrets that cannot appear anywhere by accident. The password looks different in every encoding.
const (
	canaryUser     = "c4n4ry-us3r"
	canaryPassword = `c4n4ry+/=&"%p4ss`
	canaryIdentity = "c4n4ry-1dent1ty.t0ken"
	canaryRegistry = "c4n4ry-reg1stry.t0ken"
	canaryCaller   = "c4n4ry-c4ller.t0ken"
	canaryIssued   = "c4n4ry-1ssued.t0ken"
	canaryRefresh  = "c4n4ry-r3fresh.t0ken"
	canaryAddress  = "c4n4ry-wh1spered" // in URLs that servers send
)

// A credentialKind is a kind of credential and the way in which the client gets it.
type credentialKind struct {
	name          string
	basicAuth     bool   // the registry uses Basic authentication
	preemptive    bool   // the client sends it without a challenge
	fetchesToken  bool   // the client exchanges it for a token
	startsProcess bool   // the client starts a credential helper
	secret        string // the credential itself
	option        regret.Option
}

func credentialKinds(t *testing.T) []credentialKind {
	t.Helper()
	static := func(c credentials.Credential) regret.Option { return regret.WithCredentials(credentials.Static(c)) }
	account := regret.WithBasicAuth(canaryUser, canaryPassword)
	pair := base64.StdEncoding.EncodeToString([]byte(canaryUser + ":" + canaryPassword))
	kinds := []credentialKind{
		{name: "a password for a token", fetchesToken: true, secret: canaryPassword, option: account},
		{name: "a password for Basic authentication", basicAuth: true, secret: canaryPassword, option: account},
		{name: "an identity token", fetchesToken: true, secret: canaryIdentity, option: static(credentials.Credential{IdentityToken: canaryIdentity})},
		{name: "a registry token", secret: canaryRegistry, option: static(credentials.Credential{RegistryToken: canaryRegistry})},
		{name: "the caller's token", preemptive: true, secret: canaryCaller, option: regret.WithToken(canaryCaller)},
		{name: "a password from a file", fetchesToken: true, secret: canaryPassword, option: fromFile(t, `{"auths":{%q:{"auth":"`+pair+`"}}}`)},
	}
	if runtime.GOOS == "windows" { // the credential helper is a shell script
		return kinds
	}
	return append(kinds, credentialKind{name: "a password from a helper", fetchesToken: true, startsProcess: true, secret: canaryPassword, option: fromFile(t, `{"credHelpers":{%q:"canary"}}`)})
}

// fromFile returns an option that reads the credential of every registry of these tests from Docker
// configuration files with the given entry.
func fromFile(t *testing.T, entry string) regret.Option {
	t.Helper()
	dir := t.TempDir()
	var sources []credentials.Source
	for i, name := range []string{"registry.example.com", "registry.example.com:5000", "localhost:5000", "docker.io", "registry.gitlab.com"} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, fmt.Appendf(nil, entry, name), 0o600); err != nil {
			t.Fatal(err)
		}
		source, err := credentials.LoadDockerConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	return regret.WithCredentials(credentials.FirstOf(sources...))
}

// withHelper puts a credential helper into $PATH that prints the password to both stdout and stderr.
func withHelper(t *testing.T) {
	t.Helper()
	output, err := json.Marshal(map[string]string{"Username": canaryUser, "Secret": canaryPassword})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho '%s' >&2\necho '%s'\n", output, output)
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-canary"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// operations returns the operations to run with the credential: only two if each starts a process.
func (k credentialKind) operations() []networkOperation {
	if !k.startsProcess {
		return networkOperations
	}
	return slices.DeleteFunc(slices.Clone(networkOperations), func(e networkOperation) bool { return e.name != "resolve" && e.name != "untag" })
}

// allowedOrigins returns, for each secret, the origins that may receive it.
func (nw *network) allowedOrigins(k credentialKind) map[string][]string {
	account := []string{nw.tokenOrigin}
	if k.basicAuth {
		account = []string{nw.registryOrigin}
	}
	return map[string][]string{
		canaryUser: account, canaryPassword: account,
		canaryIdentity: {nw.tokenOrigin}, canaryRefresh: {nw.tokenOrigin},
		canaryRegistry: {nw.registryOrigin}, canaryCaller: {nw.registryOrigin}, canaryIssued: {nw.registryOrigin},
	}
}

// encodings returns the forms in which a secret could appear in a text.
func encodings(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		return []string{secret}
	}
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`)}
	for _, user := range []string{"", ":", canaryUser + ":", "<token>:", "oauth2:"} {
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, enc.EncodeToString([]byte(user+secret)))
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// A secretSearch looks for secrets and counts the places that it has searched.
type secretSearch struct {
	encoded map[string][]string
	places  int
}

func newSecretSearch() *secretSearch {
	s := &secretSearch{encoded: map[string][]string{}}
	for _, secret := range []string{canaryUser, canaryPassword, canaryIdentity, canaryRegistry, canaryCaller, canaryIssued, canaryRefresh, canaryAddress} {
		s.encoded[secret] = encodings(secret)
	}
	return s
}

// wantNone checks that text contains none of the secrets in any encoding.
func (s *secretSearch) wantNone(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	s.places++
	for _, secret := range secrets {
		for _, form := range s.encoded[secret] {
			if strings.Contains(text, form) {
				t.Errorf("%s contains %q as %q: %.2000s", where, secret, form, text)
			}
		}
	}
}

// checkRequests searches every request byte for byte.
func (s *secretSearch) checkRequests(t *testing.T, nw *network, k credentialKind) {
	t.Helper()
	for _, sent := range nw.requests() {
		for secret, homes := range nw.allowedOrigins(k) {
			if !slices.Contains(homes, sent.origin) {
				s.wantNone(t, "a request to "+sent.origin, sent.wire, secret)
			}
		}
		if sent.origin != nw.registryOrigin && sent.origin != nw.tokenOrigin && strings.Contains(strings.ToLower(sent.wire), "\r\nauthorization:") {
			t.Errorf("%s received an Authorization header field: %s", sent.origin, sent.wire)
		}
	}
}

// checkOutput searches everything that the client shows: its log, its trace, itself and err.
func (s *secretSearch) checkOutput(t *testing.T, r *recorder, err error) {
	t.Helper()
	r.logger.Debug("shown", slog.Any("error", err), slog.Any("client", r.client), slog.Any("attempts", r.attempts))
	all := slices.Sorted(func(yield func(string) bool) {
		for secret := range s.encoded {
			if !yield(secret) {
				return
			}
		}
	})
	s.wantNone(t, "the log", r.lines.String(), all...)
	s.wantNone(t, "the client", formats(t, r.client), all...)
	for _, a := range r.attempts {
		s.wantNone(t, "the trace", formats(t, a), all...)
		s.checkErrors(t, a.Err, all)
	}
	s.checkErrors(t, err, all)
}

func (s *secretSearch) checkErrors(t *testing.T, err error, secrets []string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		s.wantNone(t, "an error", err.Error()+formats(t, err), secrets...)
	}
}

// formats returns v formatted in all usual ways.
func formats(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v %+v %#v %s", v, v, v, raw)
}

// A recorder is a client together with its log and its trace.
type recorder struct {
	client   *regret.Client
	lines    *bytes.Buffer
	logger   *slog.Logger
	attempts []regret.Attempt
}

// newRecorder returns a client with a credential.
func (nw *network) newRecorder(t *testing.T, k credentialKind) *recorder {
	t.Helper()
	countScenario(t)
	r := &recorder{lines: &bytes.Buffer{}}
	r.logger = slog.New(slog.NewJSONHandler(r.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := regret.New(cmp.Or(nw.name, "registry.example.com"), k.option,
		regret.WithTransport(nw), regret.WithTrustedRealm(nw.trustedRealms...), regret.WithRetries(regret.Retries{}),
		regret.WithLogger(r.logger), regret.WithTrace(func(a regret.Attempt) { r.attempts = append(r.attempts, a) }))
	if err != nil {
		t.Fatal(err)
	}
	r.client = c
	return r
}
