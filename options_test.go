package regret_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	retries := func(change func(*regret.Retries)) regret.Option {
		r := regret.DefaultRetries()
		change(&r)
		return regret.WithRetries(r)
	}
	limits := func(change func(*regret.Limits)) regret.Option {
		l := regret.DefaultLimits()
		change(&l)
		return regret.WithLimits(l)
	}
	for _, test := range []struct {
		rule string
		opt  regret.Option
		says string
	}{
		{"a user name with a colon", regret.WithBasicAuth("a:b", "x"), "colon"},
		{"neither user name nor password", regret.WithBasicAuth("", ""), "are empty"},
		{"a control character in a user name", regret.WithBasicAuth("a\r\n", "x"), "control characters"},
		{"no source of credentials", regret.WithCredentials(nil), "the source is nil"},
		{"an empty token", regret.WithToken(""), "WithToken"},
		{"a token with a line break", regret.WithToken("abc\r\nX: y"), "WithToken"},
		{"no transport", regret.WithTransport(nil), "WithTransport"},
		{"no logger", regret.WithLogger(nil), "WithLogger"},
		{"an empty user agent", regret.WithUserAgent(" "), "WithUserAgent"},
		{"a user agent with a line break", regret.WithUserAgent("x\r\nY: z"), "WithUserAgent"},
		{"a user agent beyond ASCII", regret.WithUserAgent("für"), "WithUserAgent"},
		{"a realm without a scheme", regret.WithTrustedRealm("auth.example.com"), "WithTrustedRealm"},
		{"an empty realm", regret.WithTrustedRealm(""), "WithTrustedRealm"},
		{"a realm with a path", regret.WithTrustedRealm("https://auth.example.com/token"), "WithTrustedRealm"},
		{"a realm with a query", regret.WithTrustedRealm("https://auth.example.com?x=y"), "WithTrustedRealm"},
		{"a realm with user information", regret.WithTrustedRealm("https://u:p@auth.example.com"), "WithTrustedRealm"},
		{"a realm over http for a registry over https", regret.WithTrustedRealm("http://auth.example.com"), "everybody on the way"},
		{"a realm of another scheme", regret.WithTrustedRealm("ftp://auth.example.com"), "neither http nor https"},
		{"a realm in Unicode", regret.WithTrustedRealm("https://\u0430uth.example.com"), "WithTrustedRealm"},
		{"a realm with a bad port", regret.WithTrustedRealm("https://auth.example.com:0"), "WithTrustedRealm"},
		{"a negative number of retries", retries(func(r *regret.Retries) { r.Max = -1 }), "WithRetries"},
		{"a negative wait", retries(func(r *regret.Retries) { r.WaitMin = -1 }), "WithRetries"},
		{"a longest wait that is shorter than the shortest", retries(func(r *regret.Retries) { r.WaitMax = 1 }), "WithRetries"},
		{"a negative budget", retries(func(r *regret.Retries) { r.Budget = -1 }), "WithRetries"},
		{"a negative longest Retry-After", retries(func(r *regret.Retries) { r.RetryAfterMax = -1 }), "WithRetries"},
		{"limits that were not filled in", regret.WithLimits(regret.Limits{}), "WithLimits"},
		{"a limit of nothing for errors", limits(func(l *regret.Limits) { l.ErrorBytes = 0 }), "WithLimits"},
		{"a negative limit for manifests", limits(func(l *regret.Limits) { l.ManifestBytes = -1 }), "WithLimits"},
		{"a limit of nothing for tokens", limits(func(l *regret.Limits) { l.TokenBytes = 0 }), "WithLimits"},
		{"a limit of nothing for pages", limits(func(l *regret.Limits) { l.PageBytes = 0 }), "WithLimits"},
		{"no pages", limits(func(l *regret.Limits) { l.Pages = 0 }), "WithLimits"},
		{"no entries", limits(func(l *regret.Limits) { l.Entries = 0 }), "WithLimits"},
		{"no time to read", limits(func(l *regret.Limits) { l.ReadTimeout = 0 }), "WithLimits"},
		{"no time to write", limits(func(l *regret.Limits) { l.WriteTimeout = 0 }), "WithLimits"},
	} {
		t.Run(test.rule+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(host, test.opt)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, test.says)
		})
	}
}

func TestOptionsThatContradictEachOther(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, registry string
		opts           []regret.Option
		says           string
	}{
		{"two sources of credentials", host,
			[]regret.Option{regret.WithBasicAuth("a", "b"), regret.WithBasicAuth("c", "d")}, "more than one source"},
		{"a token and a password", host,
			[]regret.Option{regret.WithToken("abc"), regret.WithBasicAuth("a", "b")}, "WithToken cannot be combined"},
		{"a transport and a TLS configuration", host,
			[]regret.Option{regret.WithTransport(fakeregistry.New()), regret.WithTLSConfig(&tls.Config{})}, "WithTLSConfig cannot be combined"},
		{"plain http and https", "https://" + host,
			[]regret.Option{regret.WithPlainHTTP()}, "WithPlainHTTP asks for http"},
	} {
		t.Run(test.rule+" contradict each other in every order", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(test.registry, test.opts...)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, test.says)
			slices.Reverse(test.opts)
			if _, reversed := regret.New(test.registry, test.opts...); fmt.Sprint(reversed) != fmt.Sprint(err) {
				t.Errorf("in one order %v, in the other %v", err, reversed)
			}
		})
	}
}

func TestNewSaysEverythingThatIsWrongAtOnce(t *testing.T) {
	t.Parallel()
	_, err := regret.New("registry..example",
		regret.WithToken(""), regret.WithBasicAuth("a:b", "c"), regret.WithTransport(nil), regret.WithLogger(nil),
		regret.WithUserAgent(""), regret.WithTrustedRealm("auth"),
		regret.WithRetries(regret.Retries{Max: -1}), regret.WithLimits(regret.Limits{}))
	e := wantErr(t, err, regret.ErrInvalid)
	wantText(t, e.Err, "not a host name", "WithToken: ", "WithToken cannot", "colon", "WithTransport", "WithLogger",
		"WithUserAgent", "WithTrustedRealm", "WithRetries", "WithLimits")
}

func TestOptionsThatAreTaken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, registry string
		opt            regret.Option
	}{
		{"a realm over http for a registry over http", "http://registry.example.com", regret.WithTrustedRealm("http://auth.example.com")},
		{"a realm over https for a registry over http", "localhost:5000", regret.WithTrustedRealm("https://auth.example.com:8443/")},
		{"several realms", host, regret.WithTrustedRealm("https://a.example.com", "https://[::1]:5000")},
		{"no TLS configuration", host, regret.WithTLSConfig(nil)},
		{"a TLS configuration", host, regret.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS13})},
		{"no trace", host, regret.WithTrace(nil)},
		{"a token", host, regret.WithToken("abc.def-ghi_~+/==")},
		{"a password with any printable character", host, regret.WithBasicAuth("a", "p:ä@ß/ ")},
		{"a password of several lines", host, regret.WithBasicAuth("_json_key", "{\n  \"type\": \"service_account\"\r\n}\n")},
		{"a password without a user name", host, regret.WithBasicAuth("", "x")},
		{"no retries at all", host, regret.WithRetries(regret.Retries{})},
		{"a logger", host, regret.WithLogger(slog.New(slog.DiscardHandler))},
	} {
		t.Run(test.rule+" is taken", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(test.registry, test.opt)
			wantErr(t, err)
		})
	}
}

func TestTheUserAgentIsSent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, want string
		opts       []regret.Option
	}{
		{"by default it names the library", "regret (+https://github.com/seed-8cb7cc86/regret)", nil},
		{"another one replaces it", "cleaner/1.0", []regret.Option{regret.WithUserAgent("cleaner/1.0")}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			wantErr(t, newClient(t, reg, test.opts...).Ping(t.Context()))
			for _, r := range reg.Requests() {
				if got := r.Header.Get("User-Agent"); got != test.want {
					t.Errorf("User-Agent %q, want %q", got, test.want)
				}
			}
		})
	}
}

func TestTheTraceSeesEveryRequest(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.Intercept(1, fakeregistry.On("GET", "/v2/"), fakeregistry.Refuse())
	var seen []string
	c := newClient(t, reg, regret.WithTrace(func(a regret.Attempt) {
		seen = append(seen, fmt.Sprint(a.Op, " ", a.Method, " ", a.URL, " ", a.StatusCode, " ", a.Err != nil))
		if a.Duration < 0 || a.Duration > time.Minute {
			t.Errorf("it took %v", a.Duration)
		}
	}))
	wantErr(t, c.Ping(t.Context()))
	want := []string{
		"ping GET https://registry.example.com/v2/ 0 true",
		"ping GET https://registry.example.com/v2/ 200 false",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the trace saw %q, want %q", seen, want)
	}
}

// The registry of this test has a certificate that only the given roots vouch
// for: that the configuration arrives shows in both directions.
func TestTheTLSConfigurationIsUsed(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(fakeregistry.New())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshake that fails is what is tested
	server.StartTLS()
	t.Cleanup(server.Close)
	given := server.Client().Transport.(*http.Transport).TLSClientConfig
	for _, test := range []struct {
		rule string
		opts []regret.Option
		want []error
	}{
		{"given roots vouch for the registry", []regret.Option{regret.WithTLSConfig(given)}, nil},
		{"without them nobody does", nil, []error{regret.ErrUnavailable}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			c, err := regret.New(server.URL, test.opts...)
			wantErr(t, err)
			e := wantErr(t, c.Ping(t.Context()), test.want...)
			if e != nil && e.Attempts != 1 {
				t.Errorf("%d attempts: nothing will change about the certificate", e.Attempts)
			}
		})
	}
}
