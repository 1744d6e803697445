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
)

// Secrets that are found nowhere by accident. Each encoding spells the password
// in its own way.
const (
	canaryUser     = "c4n4ry-us3r"
	canaryPassword = `c4n4ry+/=&"%p4ss`
	canaryIdentity = "c4n4ry-1dent1ty.t0ken"
	canaryRegistry = "c4n4ry-reg1stry.t0ken"
	canaryCaller   = "c4n4ry-c4ller.t0ken"
	canaryIssued   = "c4n4ry-1ssued.t0ken"
	canaryRefresh  = "c4n4ry-r3fresh.t0ken"
	canaryAddress  = "c4n4ry-wh1spered" // in addresses that the other side gives
)

// A kind is a way to hold a credential.
type kind struct {
	name    string
	basic   bool   // the registry asks for Basic authentication
	unasked bool   // it is sent without a challenge
	fetches bool   // it is exchanged for a token
	slow    bool   // a process is started for it
	secret  string // it
	with    regret.Option
}

func credentialKinds(t *testing.T) []kind {
	t.Helper()
	static := func(c regret.Credential) regret.Option { return regret.WithCredentials(regret.StaticCredential(c)) }
	account := regret.WithBasicAuth(canaryUser, canaryPassword)
	pair := base64.StdEncoding.EncodeToString([]byte(canaryUser + ":" + canaryPassword))
	kinds := []kind{
		{name: "a password for a token", fetches: true, secret: canaryPassword, with: account},
		{name: "a password by Basic", basic: true, secret: canaryPassword, with: account},
		{name: "an identity token", fetches: true, secret: canaryIdentity, with: static(regret.Credential{IdentityToken: canaryIdentity})},
		{name: "a registry token", secret: canaryRegistry, with: static(regret.Credential{RegistryToken: canaryRegistry})},
		{name: "the caller's token", unasked: true, secret: canaryCaller, with: regret.WithToken(canaryCaller)},
		{name: "a password in a file", fetches: true, secret: canaryPassword, with: fromFile(t, `{"auths":{%q:{"auth":"`+pair+`"}}}`)},
	}
	if runtime.GOOS == "windows" { // the helper is a shell script
		return kinds
	}
	return append(kinds, kind{name: "a password of a helper", fetches: true, slow: true, secret: canaryPassword, with: fromFile(t, `{"credHelpers":{%q:"canary"}}`)})
}

// fromFile is the credential of every registry that the tests know, as a docker
// configuration has it.
func fromFile(t *testing.T, entry string) regret.Option {
	t.Helper()
	dir := t.TempDir()
	var sources []regret.CredentialSource
	for i, name := range []string{"registry.example.com", "registry.example.com:5000", "localhost:5000", "docker.io", "registry.gitlab.com"} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, fmt.Appendf(nil, entry, name), 0o600); err != nil {
			t.Fatal(err)
		}
		source, err := regret.LoadDockerConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	return regret.WithCredentials(regret.FirstOf(sources...))
}

// withHelper puts a program into $PATH that prints the account, and complains.
func withHelper(t *testing.T) {
	t.Helper()
	answer, err := json.Marshal(map[string]string{"Username": canaryUser, "Secret": canaryPassword})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho '%s' >&2\necho '%s'\n", answer, answer)
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-canary"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// errands are what to do with such a credential.
func (k kind) errands() []errand {
	if !k.slow {
		return errands
	}
	return slices.DeleteFunc(slices.Clone(errands), func(e errand) bool { return e.name != "resolve" && e.name != "untag" })
}

// homes are the origins that may see a secret.
func (w *world) homes(k kind) map[string][]string {
	account := []string{w.auth}
	if k.basic {
		account = []string{w.home}
	}
	return map[string][]string{
		canaryUser: account, canaryPassword: account,
		canaryIdentity: {w.auth}, canaryRefresh: {w.auth},
		canaryRegistry: {w.home}, canaryCaller: {w.home}, canaryIssued: {w.home},
	}
}

// spellings are the ways in which a secret could be written.
func spellings(secret string) []string {
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

// A search looks for secrets, and counts where.
type search struct {
	spelled map[string][]string
	places  int
}

func newSearch() *search {
	s := &search{spelled: map[string][]string{}}
	for _, secret := range []string{canaryUser, canaryPassword, canaryIdentity, canaryRegistry, canaryCaller, canaryIssued, canaryRefresh, canaryAddress} {
		s.spelled[secret] = spellings(secret)
	}
	return s
}

// wantNone wants no spelling of the secrets in a text.
func (s *search) wantNone(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	s.places++
	for _, secret := range secrets {
		for _, form := range s.spelled[secret] {
			if strings.Contains(text, form) {
				t.Errorf("%s tells %q as %q: %.2000s", where, secret, form, text)
			}
		}
	}
}

// network looks at every byte that was sent.
func (s *search) network(t *testing.T, w *world, k kind) {
	t.Helper()
	for _, sent := range w.requests() {
		for secret, homes := range w.homes(k) {
			if !slices.Contains(homes, sent.origin) {
				s.wantNone(t, "a request to "+sent.origin, sent.wire, secret)
			}
		}
		if sent.origin != w.home && sent.origin != w.auth && strings.Contains(strings.ToLower(sent.wire), "\r\nauthorization:") {
			t.Errorf("%s got an Authorization header: %s", sent.origin, sent.wire)
		}
	}
}

// texts looks at everything that the client says, in every form.
func (s *search) texts(t *testing.T, r *record, err error) {
	t.Helper()
	r.logger.Debug("shown", slog.Any("error", err), slog.Any("client", r.client), slog.Any("attempts", r.attempts))
	all := slices.Sorted(func(yield func(string) bool) {
		for secret := range s.spelled {
			if !yield(secret) {
				return
			}
		}
	})
	s.wantNone(t, "the log", r.lines.String(), all...)
	s.wantNone(t, "the client", show(t, r.client), all...)
	for _, a := range r.attempts {
		s.wantNone(t, "the trace", show(t, a), all...)
		s.errorTexts(t, a.Err, all)
	}
	s.errorTexts(t, err, all)
}

func (s *search) errorTexts(t *testing.T, err error, secrets []string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		s.wantNone(t, "an error", err.Error()+show(t, err), secrets...)
	}
}

// show is a value as it can be printed.
func show(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v %+v %#v %s", v, v, v, raw)
}

// A record is a client and all that it says.
type record struct {
	client   *regret.Client
	lines    *bytes.Buffer
	logger   *slog.Logger
	attempts []regret.Attempt
}

// record makes a client that holds a credential.
func (w *world) record(t *testing.T, k kind) *record {
	t.Helper()
	scenario(t)
	r := &record{lines: &bytes.Buffer{}}
	r.logger = slog.New(slog.NewJSONHandler(r.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := regret.New(cmp.Or(w.name, "registry.example.com"), k.with,
		regret.WithTransport(w), regret.WithTrustedRealm(w.trust...), regret.WithRetries(regret.Retries{}),
		regret.WithLogger(r.logger), regret.WithTrace(func(a regret.Attempt) { r.attempts = append(r.attempts, a) }))
	if err != nil {
		t.Fatal(err)
	}
	r.client = c
	return r
}
