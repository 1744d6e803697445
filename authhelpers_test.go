package regret_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// identified is a client with an identity token of the account, and the token.
func (p *platform) identityClient(t testing.TB, opts ...regret.Option) (*regret.Client, string) {
	t.Helper()
	identity := p.tokens.IssueRefreshToken(account)
	return newClient(t, p, append([]regret.Option{
		regret.WithCredentials(credentials.Static(credentials.Credential{IdentityToken: identity})), regret.WithTrustedRealm(authURL),
	}, opts...)...), identity
}

// again lets the next request need a new token.
func listTags(t *testing.T, c *regret.Client, repository string) error {
	t.Helper()
	_, err := collect(t, c.Tags(t.Context(), repository))
	if errors.Is(err, regret.ErrNotFound) {
		return nil // the repository does not matter
	}
	return err
}

// good is the account that most sources have.
var validCredential = credentials.Credential{Username: account, Password: password}

// entry returns an entry of the field auths of a docker configuration.
func authEntry(user, password string) string {
	return `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + `"}`
}

// writeConfig writes a docker configuration to a new file and returns its path.
func writeConfig(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	writeFile(t, path, content)
	return path
}

// load writes a docker configuration and loads it.
func loadConfig(t testing.TB, content string) credentials.Source {
	t.Helper()
	source, err := credentials.LoadDockerConfig(writeConfig(t, content))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// What only a token service could have told.
const serviceSecret = "whispered-by-the-service"

// Who asks, and with what. The password has characters that each encoding
// spells in its own way, and is found in none of them by accident.
const (
	account  = "ann"
	password = `c4n4ry+/=&"%p4ss`

	registryURL = "https://" + host
	authURL     = "https://auth.example.com"
	realm       = authURL + "/token"
)

// roundTrip makes a transport of a function, for answers that no registry
// gives.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond makes an answer. Header fields come in pairs.
func respond(req *http.Request, status int, body string, fields ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Request: req,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// always answers every request alike.
func always(status int, body string, fields ...string) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		return respond(req, status, body, fields...), nil
	})
}

// place is a registry and its token service, each under an origin of its own,
// in a network that has nothing else.
type platform struct {
	*fakeregistry.Network
	registry *fakeregistry.Registry
	tokens   *fakeregistry.TokenService
	image    regret.Descriptor // what repo:v1 is
}

// newPlace lets the account do everything and nobody anything.
func newPlatform(opts ...fakeregistry.TokenOption) *platform {
	opts = append([]fakeregistry.TokenOption{
		fakeregistry.WithUser(account, password, fakeregistry.Allow("*", "*")),
	}, opts...)
	p := &platform{
		Network: fakeregistry.NewNetwork(),
		tokens:  fakeregistry.NewTokenService(realm, "the registry", opts...),
	}
	p.registry = fakeregistry.New(fakeregistry.WithTokenAuth(p.tokens))
	p.image = p.registry.PutImage(repo, "hello", "v1")
	p.Handle(registryURL, p.registry)
	p.Handle(authURL, p.tokens)
	return p
}

// client is one with the account and trust in the token service.
func (p *platform) client(t testing.TB, opts ...regret.Option) *regret.Client {
	t.Helper()
	return newClient(t, p, append([]regret.Option{
		regret.WithBasicAuth(account, password), regret.WithTrustedRealm(authURL),
	}, opts...)...)
}

// traffic is every request in short: "HEAD registry 401", "GET auth 200".
func traffic(n *fakeregistry.Network) []string {
	lines := []string{}
	for _, r := range n.Requests() {
		name, _, _ := strings.Cut(r.Host, ".")
		lines = append(lines, fmt.Sprintf("%s %s %d", r.Method, name, r.Status))
	}
	return lines
}

// scopes are those of every token request.
func scopes(ts *fakeregistry.TokenService) []string {
	lines := []string{}
	for _, r := range ts.Requests() {
		q, err := url.ParseQuery(r.Query)
		if err != nil {
			lines = append(lines, err.Error())
			continue
		}
		lines = append(lines, strings.Join(q["scope"], " "))
	}
	return lines
}

// forms are the ways in which a secret could be written.
func encodings(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		return []string{secret}
	}
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte(account + ":" + secret)),
	}
}

// wantSilence wants no form of the secrets in a text.
func wantNoSecretIn(t testing.TB, what, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for _, form := range encodings(secret) {
			if strings.Contains(text, form) {
				t.Errorf("%s tells the secret %q as %q: %.2000s", what, secret, form, text)
			}
		}
	}
}

// wantDiscreet wants nothing secret in any form an error can be shown in.
func wantNoSecretInError(t testing.TB, err error, secrets ...string) {
	t.Helper()
	wantNoSecretIn(t, "the error's text", fmt.Sprint(err), secrets...)
	wantNoSecretIn(t, "%+v of the error", fmt.Sprintf("%+v", err), secrets...)
	for e := err; e != nil; {
		wantNoSecretIn(t, "%#v of the error", fmt.Sprintf("%#v", e), secrets...)
		raw, jsonErr := json.Marshal(e)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		wantNoSecretIn(t, "JSON of the error", string(raw), secrets...)
		inner, ok := e.(interface{ Unwrap() error })
		if !ok {
			return
		}
		e = inner.Unwrap()
	}
}

// wantHome wants the secrets to have been sent to these origins and nowhere
// else.
func wantSecretsOnlyAt(t testing.TB, all []fakeregistry.Request, origins []string, secrets ...string) {
	t.Helper()
	for _, r := range all {
		home := false
		for _, o := range origins {
			home = home || r.Origin() == o
		}
		if home {
			continue
		}
		wantNoSecretIn(t, "a request to "+r.Origin(), fmt.Sprint(r.Path, "?", r.Query, r.Header, string(r.Body)), secrets...)
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s got an Authorization header", r.Origin())
		}
	}
}

// collect ranges over a list to its end: everything it yielded, and the error
// that ended it, once and last.
func collect[T any](t testing.TB, seq iter.Seq2[T, error]) ([]T, error) {
	t.Helper()
	all := []T{}
	var failure error
	for v, err := range seq {
		if failure != nil {
			t.Fatalf("the list goes on after its error: %v, %v", v, err)
		}
		if failure = err; err == nil {
			all = append(all, v)
		}
	}
	return all, failure
}

// originOf is what of an address a handler can be put under.
func originOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}

// asked is a source that notes what it was asked for.
type recordingSource struct {
	calls   []string
	answers []credentials.Credential // the last one is repeated
	err     error
}

func (a *recordingSource) Credential(_ context.Context, registry, repository string) (credentials.Credential, error) {
	a.calls = append(a.calls, registry+" "+repository)
	if a.err != nil {
		return credentials.Credential{}, a.err
	}
	return a.answers[min(len(a.calls), len(a.answers))-1], nil
}
