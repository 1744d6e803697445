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
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A diary is a log that many goroutines write to.
type diary struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines.String()
}

// logged is the option for it, at every level.
func (d *diary) logged() regret.Option {
	return regret.WithLogger(slog.New(slog.NewJSONHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// wantNone wants no secret in the diary or in an error.
func (d *diary) wantNone(t *testing.T, err error, secrets ...string) {
	t.Helper()
	wantDiscreet(t, err, secrets...)
	for _, secret := range secrets {
		for _, form := range spellings(secret) {
			if lines := d.String(); strings.Contains(lines, form) {
				t.Errorf("the log tells %q: %s", secret, lines)
			}
		}
	}
	if lines := d.String(); strings.Contains(lines, "X-Signature") || strings.Contains(lines, "?") {
		t.Errorf("the log has a query: %s", lines)
	}
}

// An address that is signed is a secret. It is in nothing that is shown, whether
// what is behind it refuses, breaks off or does not exist.
func TestThreatH01SignedAddressThatFails(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]http.HandlerFunc{
		"refuses":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "expired", http.StatusForbidden) },
		"breaks off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"tells what was asked": func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, sockets(), pulls(), func(t *testing.T, s *stage, op operation) {
				x := s.stranger(s.way, serve)
				s.on("", "", fakeregistry.Redirect(307, x.origin+"/b?X-Signature="+overheard+"&X-Credential="+overheard))
				var d diary
				err := op.run(s.ctx(), s.client(d.logged()), s)
				wantErr(t, err)
				d.wantNone(t, err, overheard)
			})
		})
	}
}

func TestThreatH02SignedAddressOfNowhere(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"https://nowhere.invalid/b?X-Signature=" + overheard, "https://%zz?X-Signature=" + overheard, "ftp://nowhere.invalid/b?X-Signature=" + overheard,
		"https://nowhere.invalid:99999/?X-Signature=" + overheard, "https://" + overheard + "@nowhere.invalid/", "https://127.0.0.1:1/b?X-Signature=" + overheard,
	} {
		t.Run(strings.NewReplacer("/", "_", "?", "_").Replace(location), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []way{http1, http2}, pulls(), func(t *testing.T, s *stage, op operation) {
				s.on("", "", fakeregistry.Redirect(307, location))
				var d diary
				err := op.run(s.ctx(), s.client(d.logged(), regret.WithRetries(regret.Retries{})), s)
				wantErr(t, err)
				d.wantNone(t, err, overheard)
			})
		})
	}
}

// echo plays a registry that repeats what it was sent, in one place of its answer.
func echo(t *testing.T, operations []operation, answer func(w http.ResponseWriter, said string)) {
	t.Helper()
	for name, held := range map[string]struct {
		option regret.Option
		secret string
		asks   string
	}{
		"a password": {account(), guardPassword, `Basic realm="r"`},
		"a token":    {regret.WithToken(guardToken), guardToken, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []way{memory, http1}, operations, func(t *testing.T, s *stage, op operation) {
				s.on("", "", func(w http.ResponseWriter, req *http.Request) bool {
					said := req.Header.Get("Authorization")
					if said == "" {
						w.Header().Set("WWW-Authenticate", held.asks)
						w.WriteHeader(http.StatusUnauthorized)
						return true
					}
					if _, password, ok := req.BasicAuth(); ok {
						said += " " + password
					}
					answer(w, said)
					return true
				})
				var d diary
				err := op.run(s.ctx(), s.client(held.option, d.logged(), regret.WithRetries(regret.Retries{})), s)
				wantErr(t, err)
				d.wantNone(t, err, held.secret)
			})
		})
	}
}

func TestThreatH03EchoedCredentials(t *testing.T) {
	t.Parallel()
	inBody := func(status int, form string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, said string) {
			w.WriteHeader(status)
			fmt.Fprintf(w, form, said)
		}
	}
	inHeader := func(status int, key, form string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, said string) {
			w.Header().Set(key, fmt.Sprintf(form, said))
			w.WriteHeader(status)
		}
	}
	for name, tt := range map[string]struct {
		operations []operation
		answer     func(http.ResponseWriter, string)
	}{
		"in a message":             {some(), inBody(403, `{"errors":[{"code":"DENIED","message":%q}]}`)},
		"in a code":                {some(), inBody(400, `{"errors":[{"code":%q,"message":"no"}]}`)},
		"in a detail":              {some(), inBody(400, `{"errors":[{"code":"DENIED","detail":{"said":[%q]}}]}`)},
		"in a key of a detail":     {some(), inBody(400, `{"errors":[{"code":"DENIED","detail":{%q:1}}]}`)},
		"in an entry without any":  {some(), inBody(400, `{"errors":[%q]}`)},
		"in a text":                {some(), inBody(500, "you said %s")},
		"in a title":               {some(), inBody(502, "<html><title>%s</title>")},
		"in the name of a request": {some(), inHeader(500, "X-Request-Id", "%s")},
		"in a warning":             {some(), inHeader(500, "Warning", `299 - "%s"`)},
		"in a content type":        {[]operation{manifest}, inHeader(200, "Content-Type", "%s")},
		"in a content encoding":    {[]operation{manifest, tags}, inHeader(200, "Content-Encoding", "%s")},
		"in a digest":              {[]operation{resolve, manifest}, inHeader(200, "Docker-Content-Digest", "%s")},
		"in a Location":            {some(), inHeader(302, "Location", "https://%%zz%s")},
		"in a scheme":              {some(), inHeader(302, "Location", "%s://x/")},
		"in a challenge":           {some(), inHeader(401, "WWW-Authenticate", `Bearer realm="https://x/%s"`)},
		"in a broken challenge":    {some(), inHeader(401, "WWW-Authenticate", `%s`)},
		"in a tag":                 {[]operation{tags}, inBody(200, `{"name":"team/app","tags":[%q]}`)},
		"in a list of another":     {[]operation{tags}, inBody(200, `{"name":%q,"tags":["v1"]}`)},
		"in a manifest":            {[]operation{manifest}, inBody(200, `{"mediaType":%q}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			echo(t, tt.operations, tt.answer)
		})
	}
}

// What a terminal would act on is in no text.
func TestThreatH04ControlCharacters(t *testing.T) {
	t.Parallel()
	const evil = `\u001b[31mred\u001b[0m\r\nlevel=ERROR \u202egnp.exe\u0000\u009b\u2028\u200b`
	for name, body := range map[string]string{
		"in a message": `{"errors":[{"code":"DENIED","message":"` + evil + `"}]}`,
		"in a code":    `{"errors":[{"code":"` + evil + `","message":"no"}]}`,
		"in a tag":     `{"name":"team/app","tags":["` + evil + `"]}`,
		"in a name":    `{"name":"` + evil + `","tags":["v1"]}`,
		"in a text":    "\x1b[31mred\r\nlevel=ERROR \u202egnp\x00\x9b\xff",
	} {
		for _, status := range []int{200, 403, 500} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				t.Parallel()
				eachOperation(t, []way{memory, http2}, []operation{manifest, tags, untag}, func(t *testing.T, s *stage, op operation) {
					s.on("", "", fakeregistry.Answer(status, map[string]string{"Warning": "299 - \"a\tb\"", "X-Request-Id": "a\u202eb"}, body))
					var d diary
					err := op.run(s.ctx(), s.client(d.logged(), regret.WithRetries(regret.Retries{})), s)
					e := wantErr(t, err) // which wants it printable
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

// An address with a password is not taken, and not repeated.
func TestThreatV15AddressWithAPassword(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"https://ann:" + overheard + "@registry.example.com", "ann:" + overheard + "@registry.example.com", "https://" + overheard + "@registry.example.com",
		"https://registry.example.com/?token=" + overheard, "https://registry.example.com/#" + overheard, "https://ann:" + overheard + "@registry.example.com:x",
	} {
		_, err := regret.New(name)
		wantErr(t, err, regret.ErrInvalid)
		wantDiscreet(t, err, overheard)
		_, err = regret.New("registry.example.com", regret.WithTrustedRealm(name))
		wantErr(t, err, regret.ErrInvalid)
		wantDiscreet(t, err, overheard)
	}
}

// A transport says in its error where it was going, and by which proxy.
func TestThreatV15AddressInAnErrorOfTheTransport(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"of the request":       &url.Error{Op: "Get", URL: "https://ann:" + overheard + "@registry.example.com/?sig=" + overheard, Err: errors.New("no route")},
		"of a wrapped request": fmt.Errorf("proxy: %w", &url.Error{Op: "parse", URL: "http://ann:" + overheard + "@proxy:8080", Err: errors.New("no route")}),
		"of a proxy, as text":  fmt.Errorf("invalid proxy address %q", "http://ann:"+overheard+"@proxy:8080/"),
		"of a proxy, unquoted": errors.New("cannot reach http://ann:" + overheard + "@proxy:8080 now"),
		"of a redirect":        &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true},
		"of what was proxied":  &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("refused")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []way{memory}, some(), func(t *testing.T, s *stage, op operation) {
				var d diary
				traced := regret.WithTrace(func(a regret.Attempt) { wantDiscreet(t, a.Err, overheard) })
				c, err := regret.New(host, regret.WithTransport(broken{failure}), d.logged(), traced)
				if err != nil {
					t.Fatal(err)
				}
				err = op.run(s.ctx(), c, s)
				wantErr(t, err)
				d.wantNone(t, err, overheard)
			})
		})
	}
}

// broken is a transport that always fails.
type broken struct{ err error }

func (b broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, b.err }

// A credential shows itself to nobody, by whatever verb.
func TestThreatI04CredentialIsShown(t *testing.T) {
	t.Parallel()
	for _, c := range []regret.Credential{
		{Username: "ann", Password: overheard}, {Username: "ann", IdentityToken: overheard}, {RegistryToken: overheard},
	} {
		for _, v := range []any{c, &c, regret.StaticCredential(c), []regret.Credential{c}, map[string]any{"c": c}, struct{ C regret.Credential }{c}} {
			var d diary
			slog.New(slog.NewJSONHandler(&d, nil)).Info("shown", "v", v)
			slog.New(slog.NewTextHandler(&d, nil)).Info("shown", "v", v)
			shown := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + show(t, v) + d.String()
			for _, form := range append(spellings(overheard), fmt.Sprintf("%x", overheard), base64.StdEncoding.EncodeToString([]byte(overheard))) {
				if strings.Contains(shown, form) {
					t.Errorf("%T shows its secret: %s", v, shown)
				}
			}
		}
	}
}
