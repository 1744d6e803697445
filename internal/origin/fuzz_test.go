package origin_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// FuzzParse checks that the origin of a registry has an acceptable host, is its own origin as a
// URL, and stays the same when it is parsed again. Where user information is put into a name, the
// name is an error that does not contain it; the same holds for a query.
func FuzzParse(f *testing.F) {
	f.Add("https://Registry.Example.com:443/", "", false)
	f.Add("[0::1]:5000", "", true)
	f.Add("http://", "registry.example.com", false)
	f.Add("https://user?", "#registry.example.com/a@b?c", false)
	f.Fuzz(func(t *testing.T, name, rest string, plainHTTP bool) {
		if o, err := origin.Parse(name, plainHTTP); err == nil {
			checkOrigin(t, o)
		} else if o != (origin.Origin{}) {
			t.Fatalf("%q: %v and the error %v", name, o, err)
		}
		const secret = "c4n4ry"
		if strings.Contains(name+rest, secret) {
			return
		}
		for _, malformed := range []string{name + "x:" + secret + "@" + rest, name + "?" + secret + rest, name + "#" + secret + rest} {
			if o, err := origin.Parse(malformed, plainHTTP); err == nil {
				t.Fatalf("%q is accepted as %v", malformed, o)
			} else if strings.Contains(err.Error(), secret) {
				t.Fatalf("%q: the error contains the secret: %v", malformed, err)
			}
		}
	})
}

func checkOrigin(t *testing.T, o origin.Origin) {
	t.Helper()
	if err := origin.CheckHost(o.Host); err != nil {
		t.Fatalf("%q: %v", o.Host, err)
	}
	if o.Scheme != "http" && o.Scheme != "https" {
		t.Fatalf("the scheme is %q", o.Scheme)
	}
	if again, err := origin.Parse(o.String(), false); err != nil || again != o {
		t.Fatalf("%q: parsed again it is %q: %v", o, again, err)
	}
	if u, err := url.Parse(o.String()); err != nil || origin.Of(u) != o {
		t.Fatalf("%q: not an origin as a URL: %v", o, err)
	}
}
