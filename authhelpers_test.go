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
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The account of the tests, and where its registry and token service are. Each
// encoding writes the characters of the password differently, and the password
// occurs in no text by accident.
const (
	account  = "ann"
	password = `c4n4ry+/=&"%p4ss`

	registryURL = "https://" + host
	authURL     = "https://auth.example.com"
	realm       = authURL + "/token"

	// serviceSecret occurs only in responses of the token service.
	serviceSecret = "whispered-by-the-service"
)

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond returns a response. The header fields are pairs of a name and a value.
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

// always returns a transport with the same response to every request.
func always(status int, body string, fields ...string) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		return respond(req, status, body, fields...), nil
	})
}

// A platform is a registry and its token service, each at an origin of its own, in a
// network with no other hosts.
type platform struct {
	*fakeregistry.Network
	registry *fakeregistry.Registry
	tokens   *fakeregistry.TokenService
	image    regret.Descriptor // repo:v1
}

// newPlatform returns a platform whose token service grants everything to account and
// nothing to anonymous clients.
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

// client returns a client that has the credentials of account and trusts the token
// service.
func (p *platform) client(t testing.TB, opts ...regret.Option) *regret.Client {
	t.Helper()
	return newClient(t, p, append([]regret.Option{
		regret.WithBasicAuth(account, password), regret.WithTrustedRealm(authURL),
	}, opts...)...)
}

// traffic returns all requests in short form: "HEAD registry 401", "GET auth 200".
func traffic(n *fakeregistry.Network) []string {
	lines := []string{}
	for _, r := range n.Requests() {
		name, _, _ := strings.Cut(r.Host, ".")
		lines = append(lines, fmt.Sprintf("%s %s %d", r.Method, name, r.Status))
	}
	return lines
}

// scopes returns the scopes of every token request, one string per request.
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

// encodings returns the forms in which a secret could appear in a text.
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

// wantNoSecretIn checks that no encoding of the secrets occurs in text.
func wantNoSecretIn(t testing.TB, what, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for _, encoded := range encodings(secret) {
			if strings.Contains(text, encoded) {
				t.Errorf("%s contains the secret %q as %q: %.2000s", what, secret, encoded, text)
			}
		}
	}
}

// wantNoSecretInError checks that no secret occurs in any form in which programs print
// an error.
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

// wantSecretsOnlyAt checks that the secrets were sent to no other origins than these.
func wantSecretsOnlyAt(t testing.TB, all []fakeregistry.Request, origins []string, secrets ...string) {
	t.Helper()
	for _, r := range all {
		if slices.Contains(origins, r.Origin()) {
			continue
		}
		wantNoSecretIn(t, "a request to "+r.Origin(), fmt.Sprint(r.Path, "?", r.Query, r.Header, string(r.Body)), secrets...)
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s got an Authorization header", r.Origin())
		}
	}
}

// collect returns everything that a list yields and the error that ends it. It checks
// that the error comes once, and last.
func collect[T any](t testing.TB, seq iter.Seq2[T, error]) ([]T, error) {
	t.Helper()
	all := []T{}
	var failure error
	for v, err := range seq {
		if failure != nil {
			t.Fatalf("the list continues after its error: %v, %v", v, err)
		}
		if failure = err; err == nil {
			all = append(all, v)
		}
	}
	return all, failure
}

// originOf returns the origin of an address.
func originOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}

// recordingSource is a source of credentials that records every call.
type recordingSource struct {
	calls       []string                 // registry and repository
	credentials []credentials.Credential // returned in this order; the last one again and again
	err         error
}

func (s *recordingSource) Credential(_ context.Context, registry, repository string) (credentials.Credential, error) {
	s.calls = append(s.calls, registry+" "+repository)
	if s.err != nil {
		return credentials.Credential{}, s.err
	}
	return s.credentials[min(len(s.calls), len(s.credentials))-1], nil
}

// identityClient returns a client that has an identity token of account, and the token.
func (p *platform) identityClient(t testing.TB, opts ...regret.Option) (*regret.Client, string) {
	t.Helper()
	identity := p.tokens.IssueRefreshToken(account)
	return newClient(t, p, append([]regret.Option{
		regret.WithCredentials(credentials.Static(credentials.Credential{IdentityToken: identity})), regret.WithTrustedRealm(authURL),
	}, opts...)...), identity
}

// listTags lists the tags of a repository, for which the client needs a new token. The
// repository may be missing.
func listTags(t *testing.T, c *regret.Client, repository string) error {
	t.Helper()
	_, err := collect(t, c.Tags(t.Context(), repository))
	if errors.Is(err, regret.ErrNotFound) {
		return nil
	}
	return err
}

// validCredential is the credential of account.
var validCredential = credentials.Credential{Username: account, Password: password}

// authEntry returns an entry of the field auths of a Docker configuration file.
func authEntry(user, password string) string {
	return `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + `"}`
}

// writeConfig writes a Docker configuration to a new file and returns its path.
func writeConfig(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	writeFile(t, path, content)
	return path
}

// loadConfig writes a Docker configuration to a file and loads it.
func loadConfig(t testing.TB, content string) credentials.Source {
	t.Helper()
	source, err := credentials.LoadDockerConfig(writeConfig(t, content))
	if err != nil {
		t.Fatal(err)
	}
	return source
}
