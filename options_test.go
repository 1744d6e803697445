package regret_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestInvalidOptions(t *testing.T) {
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
		text string
	}{
		{"a user name with a colon", regret.WithBasicAuth("a:b", "x"), "colon"},
		{"an empty user name and password", regret.WithBasicAuth("", ""), "are empty"},
		{"a control character in a user name", regret.WithBasicAuth("a\r\n", "x"), "control characters"},
		{"a nil source of credentials", regret.WithCredentials(nil), "the source is nil"},
		{"an empty token", regret.WithToken(""), "WithToken"},
		{"a token with a line break", regret.WithToken("abc\r\nX: y"), "WithToken"},
		{"a nil transport", regret.WithTransport(nil), "WithTransport"},
		{"a nil logger", regret.WithLogger(nil), "WithLogger"},
		{"an empty user agent", regret.WithUserAgent(" "), "WithUserAgent"},
		{"a user agent with a line break", regret.WithUserAgent("x\r\nY: z"), "WithUserAgent"},
		{"a user agent beyond ASCII", regret.WithUserAgent("für"), "WithUserAgent"},
		{"a realm without a scheme", regret.WithTrustedRealm("auth.example.com"), "WithTrustedRealm"},
		{"an empty realm", regret.WithTrustedRealm(""), "WithTrustedRealm"},
		{"a realm with a path", regret.WithTrustedRealm("https://auth.example.com/token"), "WithTrustedRealm"},
		{"a realm with a query", regret.WithTrustedRealm("https://auth.example.com?x=y"), "WithTrustedRealm"},
		{"a realm with user information", regret.WithTrustedRealm("https://u:p@auth.example.com"), "WithTrustedRealm"},
		{"a realm over http for a registry over https", regret.WithTrustedRealm("http://auth.example.com"), "everybody on the way"},
		{"a realm with another scheme", regret.WithTrustedRealm("ftp://auth.example.com"), "neither http nor https"},
		{"a realm in Unicode", regret.WithTrustedRealm("https://\u0430uth.example.com"), "WithTrustedRealm"},
		{"a realm with a bad port", regret.WithTrustedRealm("https://auth.example.com:0"), "WithTrustedRealm"},
		{"a negative number of retries", retries(func(r *regret.Retries) { r.Max = -1 }), "WithRetries"},
		{"a negative wait", retries(func(r *regret.Retries) { r.WaitMin = -1 }), "WithRetries"},
		{"a maximum wait below the minimum", retries(func(r *regret.Retries) { r.WaitMax = 1 }), "WithRetries"},
		{"a negative budget", retries(func(r *regret.Retries) { r.Budget = -1 }), "WithRetries"},
		{"a negative maximum of Retry-After", retries(func(r *regret.Retries) { r.RetryAfterMax = -1 }), "WithRetries"},
		{"a negative rate of requests", regret.WithRequestRate(-1), "WithRequestRate"},
		{"a rate of requests that is no number", regret.WithRequestRate(math.NaN()), "WithRequestRate"},
		{"zero limits", regret.WithLimits(regret.Limits{}), "WithLimits"},
		{"a zero limit for errors", limits(func(l *regret.Limits) { l.ErrorBytes = 0 }), "WithLimits"},
		{"a negative limit for manifests", limits(func(l *regret.Limits) { l.ManifestBytes = -1 }), "WithLimits"},
		{"a zero limit for tokens", limits(func(l *regret.Limits) { l.TokenBytes = 0 }), "WithLimits"},
		{"a zero limit for the size of pages", limits(func(l *regret.Limits) { l.PageBytes = 0 }), "WithLimits"},
		{"a limit for a page that no memory holds", limits(func(l *regret.Limits) { l.PageBytes = math.MaxInt64 }), "1 TiB"},
		{"a zero limit for the number of pages", limits(func(l *regret.Limits) { l.Pages = 0 }), "WithLimits"},
		{"a zero limit for entries", limits(func(l *regret.Limits) { l.Entries = 0 }), "WithLimits"},
		{"a zero read time-out", limits(func(l *regret.Limits) { l.ReadTimeout = 0 }), "WithLimits"},
		{"a zero number of remembered manifests", limits(func(l *regret.Limits) { l.RememberedManifests = 0 }), "WithLimits"},
		{"a negative number of remembered manifests", limits(func(l *regret.Limits) { l.RememberedManifests = -1 }), "WithLimits"},
		{"a zero write time-out", limits(func(l *regret.Limits) { l.WriteTimeout = 0 }), "WithLimits"},
	} {
		t.Run(test.rule+" is an error", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(host, test.opt)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, test.text)
		})
	}
}

func TestConflictingOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, registry string
		opts           []regret.Option
		text           string
	}{
		{"two sources of credentials", host,
			[]regret.Option{regret.WithBasicAuth("a", "b"), regret.WithBasicAuth("c", "d")}, "more than one source"},
		{"a token and a password", host,
			[]regret.Option{regret.WithToken("abc"), regret.WithBasicAuth("a", "b")}, "WithToken cannot be combined"},
		{"a transport and a TLS configuration", host,
			[]regret.Option{regret.WithTransport(fakeregistry.New()), regret.WithTLSConfig(&tls.Config{})}, "WithTLSConfig cannot be combined"},
		{"plain http and https", "https://" + host,
			[]regret.Option{regret.WithPlainHTTP()}, "is https, but plain http was asked for"},
	} {
		t.Run(test.rule+" conflict in every order", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(test.registry, test.opts...)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, test.text)
			slices.Reverse(test.opts)
			if _, reversed := regret.New(test.registry, test.opts...); fmt.Sprint(reversed) != fmt.Sprint(err) {
				t.Errorf("the error depends on the order of the options: %v and %v", err, reversed)
			}
		})
	}
}

func TestNewReportsAllInvalidOptions(t *testing.T) {
	t.Parallel()
	_, err := regret.New("registry..example",
		regret.WithToken(""), regret.WithBasicAuth("a:b", "c"), regret.WithTransport(nil), regret.WithLogger(nil),
		regret.WithUserAgent(""), regret.WithTrustedRealm("auth"),
		regret.WithRetries(regret.Retries{Max: -1}), regret.WithLimits(regret.Limits{}))
	e := wantErr(t, err, regret.ErrInvalid)
	wantText(t, e.Err, "not a host name", "WithToken: ", "WithToken cannot", "colon", "WithTransport", "WithLogger",
		"WithUserAgent", "WithTrustedRealm", "WithRetries", "WithLimits")
}

func TestValidOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, registry string
		opt            regret.Option
	}{
		{"a realm over http for a registry over http", "http://registry.example.com", regret.WithTrustedRealm("http://auth.example.com")},
		{"a realm over https for a registry over http", "localhost:5000", regret.WithTrustedRealm("https://auth.example.com:8443/")},
		{"several realms", host, regret.WithTrustedRealm("https://a.example.com", "https://[::1]:5000")},
		{"a nil TLS configuration", host, regret.WithTLSConfig(nil)},
		{"a TLS configuration", host, regret.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS13})},
		{"a nil trace", host, regret.WithTrace(nil)},
		{"a token", host, regret.WithToken("abc.def-ghi_~+/==")},
		{"a password with any printable character", host, regret.WithBasicAuth("a", "p:ä@ß/ ")},
		{"a password of several lines", host, regret.WithBasicAuth("_json_key", "{\n  \"type\": \"service_account\"\r\n}\n")},
		{"a password without a user name", host, regret.WithBasicAuth("", "x")},
		{"zero retries", host, regret.WithRetries(regret.Retries{})},
		{"a logger", host, regret.WithLogger(slog.New(slog.DiscardHandler))},
	} {
		t.Run(test.rule+" is accepted", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(test.registry, test.opt)
			wantErr(t, err)
		})
	}
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, want string
		opts       []regret.Option
	}{
		{"by default it names the library", "regret (+https://github.com/seed-8cb7cc86/regret)", nil},
		{"WithUserAgent replaces it", "cleaner/1.0", []regret.Option{regret.WithUserAgent("cleaner/1.0")}},
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

func TestNilOptions(t *testing.T) {
	t.Parallel()
	_, err := regret.New(host, nil, regret.WithCredentials(credentials.Func(nil)))
	wantErr(t, err, regret.ErrInvalid)
	wantText(t, err, "an option is nil", "the function is nil")
}
