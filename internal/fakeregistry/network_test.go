package fakeregistry_test

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestNetworkReachesHandlersByOrigin(t *testing.T) {
	t.Parallel()
	network := fakeregistry.NewNetwork()
	for i, origin := range []string{"https://r.example.com", "http://r.example.com", "https://r.example.com:5000", "https://[::1]:5000/"} {
		network.Handle(origin, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if (req.TLS != nil) != (i != 1) {
				t.Errorf("%s: TLS %v", req.Host, req.TLS)
			}
			w.WriteHeader(200 + i)
		}))
	}
	for url, want := range map[string]int{
		"https://r.example.com/":      200,
		"https://r.example.com:443/":  200,
		"https://R.Example.COM/":      200,
		"http://r.example.com/":       201,
		"http://r.example.com:80/x":   201,
		"https://r.example.com:5000/": 202,
		"https://[::1]:5000/":         203,
	} {
		resp, err := roundTripGet(t, network, t.Context(), url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", url, resp.StatusCode, want)
		}
	}
}

func TestNetworkFailsForUnknownOrigins(t *testing.T) {
	t.Parallel()
	network := fakeregistry.NewNetwork()
	network.Handle("https://r.example.com", fakeregistry.New())
	for _, url := range []string{"http://r.example.com/", "https://r.example.com:444/", "https://s.r.example.com/", "https://example.com/"} {
		_, err := roundTripGet(t, network, t.Context(), url)
		op, isOp := errors.AsType[*net.OpError](err)
		dns, isDNS := errors.AsType[*net.DNSError](err)
		if !isOp || op.Op != "dial" || !isDNS || !dns.IsNotFound {
			t.Errorf("%s: error %v, want a failed dial with no such host", url, err)
		}
	}
}

func TestNetworkLogsOriginAndHeader(t *testing.T) {
	t.Parallel()
	network := fakeregistry.NewNetwork()
	network.Handle("https://r.example.com", fakeregistry.New())
	for _, url := range []string{"https://r.example.com/v2/", "http://evil.example.com/token?scope=x"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "disguise.example.com"
		req.Header.Set("Authorization", "Basic secret")
		resp, err := network.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
	}
	var got []string
	for _, r := range network.Requests() {
		got = append(got, r.Origin()+" "+r.String()+" "+r.Header.Get("Authorization"))
	}
	want := []string{
		"https://r.example.com:443 GET /v2/ 200 Basic secret",
		"http://evil.example.com:80 GET /token?scope=x 0 lost Basic secret",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestHandlePanicsIfNotAnOrigin(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"", "r.example.com", "ftp://r.example.com", "https://", "https://r.example.com/v2", "://"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was accepted as an origin", origin)
				}
			}()
			fakeregistry.NewNetwork().Handle(origin, http.NotFoundHandler())
		}()
	}
}
