package threats_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A logBuffer is a log that several goroutines may write to.
type logBuffer struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (d *logBuffer) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines.Write(p)
}

func (d *logBuffer) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines.String()
}

// option returns an option that logs to the buffer at every level.
func (d *logBuffer) option() regret.Option {
	return regret.WithLogger(slog.New(slog.NewJSONHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// wantNoSecrets checks that neither the log nor err contains a secret or a query.
func (d *logBuffer) wantNoSecrets(t *testing.T, err error, secrets ...string) {
	t.Helper()
	wantNoSecrets(t, err, secrets...)
	for _, secret := range secrets {
		for _, form := range encodings(secret) {
			if lines := d.String(); strings.Contains(lines, form) {
				t.Errorf("the log contains %q: %s", secret, lines)
			}
		}
	}
	if lines := d.String(); strings.Contains(lines, "X-Signature") || strings.Contains(lines, "?") {
		t.Errorf("the log contains a query: %s", lines)
	}
}

// A signed URL is a secret. It appears in no error and no log, whether its server refuses the request
// or drops the connection.
func TestThreatH01SignedURLThatFails(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]http.HandlerFunc{
		"with 403 and a body":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "expired", http.StatusForbidden) },
		"with a dropped connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"with an empty 403": func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, socketTransports(), readOperations(), func(t *testing.T, s *testServer, op operation) {
				x := s.startOtherServer(s.transport, serve)
				s.intercept("", "", fakeregistry.Redirect(307, x.origin+"/b?X-Signature="+leakedSecret+"&X-Credential="+leakedSecret))
				var d logBuffer
				err := op.run(s.ctx(), s.client(d.option()), s)
				wantErr(t, err)
				d.wantNoSecrets(t, err, leakedSecret)
			})
		})
	}
}

func TestThreatH02SignedURLThatIsUnreachable(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"https://nowhere.invalid/b?X-Signature=" + leakedSecret, "https://%zz?X-Signature=" + leakedSecret, "ftp://nowhere.invalid/b?X-Signature=" + leakedSecret,
		"https://nowhere.invalid:99999/?X-Signature=" + leakedSecret, "https://" + leakedSecret + "@nowhere.invalid/", "https://127.0.0.1:1/b?X-Signature=" + leakedSecret,
	} {
		t.Run(strings.NewReplacer("/", "_", "?", "_").Replace(location), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{http1, http2}, readOperations(), func(t *testing.T, s *testServer, op operation) {
				s.intercept("", "", fakeregistry.Redirect(307, location))
				var d logBuffer
				err := op.run(s.ctx(), s.client(d.option(), regret.WithRetries(regret.Retries{})), s)
				wantErr(t, err)
				d.wantNoSecrets(t, err, leakedSecret)
			})
		})
	}
}

// echoCredentials runs operations against a registry that echoes the credentials that it receives
// somewhere in its response. They must appear neither in the error nor in the log.
func echoCredentials(t *testing.T, operations []operation, respond func(w http.ResponseWriter, credentials string)) {
	t.Helper()
	for name, credential := range map[string]struct {
		option regret.Option
		secret string
		asks   string
	}{
		"a password": {passwordOption(), authPassword, `Basic realm="r"`},
		"a token":    {regret.WithToken(authToken), authToken, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{memory, http1}, operations, func(t *testing.T, s *testServer, op operation) {
				s.intercept("", "", func(w http.ResponseWriter, req *http.Request) bool {
					credentials := req.Header.Get("Authorization")
					if credentials == "" {
						w.Header().Set("WWW-Authenticate", credential.asks)
						w.WriteHeader(http.StatusUnauthorized)
						return true
					}
					if _, password, ok := req.BasicAuth(); ok {
						credentials += " " + password
					}
					respond(w, credentials)
					return true
				})
				var d logBuffer
				err := op.run(s.ctx(), s.client(credential.option, d.option(), regret.WithRetries(regret.Retries{})), s)
				wantErr(t, err)
				d.wantNoSecrets(t, err, credential.secret)
			})
		})
	}
}

func TestThreatH03EchoedCredentials(t *testing.T) {
	t.Parallel()
	inBody := func(status int, format string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, credentials string) {
			w.WriteHeader(status)
			fmt.Fprintf(w, format, credentials)
		}
	}
	inHeader := func(status int, key, format string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, credentials string) {
			w.Header().Set(key, fmt.Sprintf(format, credentials))
			w.WriteHeader(status)
		}
	}
	for name, tt := range map[string]struct {
		operations []operation
		respond    func(http.ResponseWriter, string)
	}{
		"in a message":                {sampleOperations(), inBody(403, `{"errors":[{"code":"DENIED","message":%q}]}`)},
		"in a code":                   {sampleOperations(), inBody(400, `{"errors":[{"code":%q,"message":"no"}]}`)},
		"in a detail":                 {sampleOperations(), inBody(400, `{"errors":[{"code":"DENIED","detail":{"said":[%q]}}]}`)},
		"in a key in a detail":        {sampleOperations(), inBody(400, `{"errors":[{"code":"DENIED","detail":{%q:1}}]}`)},
		"in an error without keys":    {sampleOperations(), inBody(400, `{"errors":[%q]}`)},
		"in a plain text body":        {sampleOperations(), inBody(500, "you said %s")},
		"in an HTML title":            {sampleOperations(), inBody(502, "<html><title>%s</title>")},
		"in a request ID":             {sampleOperations(), inHeader(500, "X-Request-Id", "%s")},
		"in a warning":                {sampleOperations(), inHeader(500, "Warning", `299 - "%s"`)},
		"in a content type":           {[]operation{manifest}, inHeader(200, "Content-Type", "%s")},
		"in a content encoding":       {[]operation{manifest, tags}, inHeader(200, "Content-Encoding", "%s")},
		"in a digest":                 {[]operation{resolve, manifest}, inHeader(200, "Docker-Content-Digest", "%s")},
		"in a Location":               {sampleOperations(), inHeader(302, "Location", "https://%%zz%s")},
		"in the scheme of a Location": {sampleOperations(), inHeader(302, "Location", "%s://x/")},
		"in a challenge":              {sampleOperations(), inHeader(401, "WWW-Authenticate", `Bearer realm="https://x/%s"`)},
		"in a malformed challenge":    {sampleOperations(), inHeader(401, "WWW-Authenticate", `%s`)},
		"in a tag":                    {[]operation{tags}, inBody(200, `{"name":"team/app","tags":[%q]}`)},
		"in the name of a repository": {[]operation{tags}, inBody(200, `{"name":%q,"tags":["v1"]}`)},
		"in a manifest":               {[]operation{manifest}, inBody(200, `{"mediaType":%q}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			echoCredentials(t, tt.operations, tt.respond)
		})
	}
}

// Control characters never appear in the text of an error.
func TestThreatH04ControlCharacters(t *testing.T) {
	t.Parallel()
	const evil = `\u001b[31mred\u001b[0m\r\nlevel=ERROR \u202egnp.exe\u0000\u009b\u2028\u200b`
	for name, body := range map[string]string{
		"in a message":                `{"errors":[{"code":"DENIED","message":"` + evil + `"}]}`,
		"in a code":                   `{"errors":[{"code":"` + evil + `","message":"no"}]}`,
		"in a tag":                    `{"name":"team/app","tags":["` + evil + `"]}`,
		"in the name of a repository": `{"name":"` + evil + `","tags":["v1"]}`,
		"in a plain text body":        "\x1b[31mred\r\nlevel=ERROR \u202egnp\x00\x9b\xff",
	} {
		for _, status := range []int{200, 403, 500} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				t.Parallel()
				eachOperation(t, []transport{memory, http2}, []operation{manifest, tags, untag}, func(t *testing.T, s *testServer, op operation) {
					s.intercept("", "", fakeregistry.Answer(status, map[string]string{"Warning": "299 - \"a\tb\"", "X-Request-Id": "a\u202eb"}, body))
					var d logBuffer
					err := op.run(s.ctx(), s.client(d.option(), regret.WithRetries(regret.Retries{})), s)
					e := wantErr(t, err) // also checks that the text is printable
					shown := e.RequestID + e.Hint + e.URL + e.Kind.Error()
					for _, detail := range e.Details {
						shown += string(detail.Code) + detail.Message + detail.String()
					}
					if strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
						t.Errorf("not printable: %q", shown)
					}
				})
			})
		}
	}
}

// A URL with a password is refused, and the error does not repeat the password.
func TestThreatV15URLWithAPassword(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"https://ann:" + leakedSecret + "@registry.example.com", "ann:" + leakedSecret + "@registry.example.com", "https://" + leakedSecret + "@registry.example.com",
		"https://registry.example.com/?token=" + leakedSecret, "https://registry.example.com/#" + leakedSecret, "https://ann:" + leakedSecret + "@registry.example.com:x",
	} {
		_, err := regret.New(name)
		wantErr(t, err, regret.ErrInvalid)
		wantNoSecrets(t, err, leakedSecret)
		_, err = regret.New("registry.example.com", regret.WithTrustedRealm(name))
		wantErr(t, err, regret.ErrInvalid)
		wantNoSecrets(t, err, leakedSecret)
	}
}

// The error of an HTTP transport may contain the URLs of the request and of a proxy. Their secrets
// must not appear in the client's error.
func TestThreatV15URLInATransportError(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"an error of the request":       &url.Error{Op: "Get", URL: "https://ann:" + leakedSecret + "@registry.example.com/?sig=" + leakedSecret, Err: errors.New("no route")},
		"a wrapped error of a proxy":    fmt.Errorf("proxy: %w", &url.Error{Op: "parse", URL: "http://ann:" + leakedSecret + "@proxy:8080", Err: errors.New("no route")}),
		"the URL of a proxy, quoted":    fmt.Errorf("invalid proxy address %q", "http://ann:"+leakedSecret+"@proxy:8080/"),
		"the URL of a proxy, unquoted":  errors.New("cannot reach http://ann:" + leakedSecret + "@proxy:8080 now"),
		"a DNS error":                   &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true},
		"a connection error of a proxy": &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("refused")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{memory}, sampleOperations(), func(t *testing.T, s *testServer, op operation) {
				var d logBuffer
				traced := regret.WithTrace(func(a regret.Attempt) { wantNoSecrets(t, a.Err, leakedSecret) })
				c, err := regret.New(host, regret.WithTransport(failingTransport{failure}), d.option(), traced)
				if err != nil {
					t.Fatal(err)
				}
				err = op.run(s.ctx(), c, s)
				wantErr(t, err)
				d.wantNoSecrets(t, err, leakedSecret)
			})
		})
	}
}

// failingTransport is an [http.RoundTripper] that always fails.
type failingTransport struct{ err error }

func (b failingTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, b.err }

// No formatting verb, encoder or logger reveals the secret of a credential.
func TestThreatI04FormattedCredential(t *testing.T) {
	t.Parallel()
	for _, c := range []credentials.Credential{
		{Username: "ann", Password: leakedSecret}, {Username: "ann", IdentityToken: leakedSecret}, {RegistryToken: leakedSecret},
	} {
		for _, v := range []any{c, &c, credentials.Static(c), []credentials.Credential{c}, map[string]any{"c": c}, struct{ C credentials.Credential }{c}} {
			var d logBuffer
			slog.New(slog.NewJSONHandler(&d, nil)).Info("shown", "v", v)
			slog.New(slog.NewTextHandler(&d, nil)).Info("shown", "v", v)
			shown := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + formats(t, v) + d.String()
			for _, form := range append(encodings(leakedSecret), fmt.Sprintf("%x", leakedSecret), base64.StdEncoding.EncodeToString([]byte(leakedSecret))) {
				if strings.Contains(shown, form) {
					t.Errorf("%T reveals its secret: %s", v, shown)
				}
			}
		}
	}
}
