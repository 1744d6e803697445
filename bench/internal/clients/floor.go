package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// floor is what somebody writes who needs nothing but this and counts every
// allocation: an http.Transport without the http.Client around it, no retries,
// no limits, no check of what comes back, and a token service known in advance.
type floor struct {
	base  string
	pool  *http.Transport
	token func() (string, error)
}

func openFloor(s Setup) (Client, error) {
	f := &floor{base: s.url(), pool: pool(s)}
	if s.Bearer {
		f.token = sync.OnceValues(f.fetchToken)
	}
	return f, nil
}

func (f *floor) ResolveDelete(ctx context.Context, repository, tag string) error {
	manifests := f.base + "/v2/" + repository + "/manifests/"
	resp, err := f.do(ctx, http.MethodHead, manifests+tag, http.StatusOK)
	if err != nil {
		return err
	}
	resp.Body.Close()
	resp, err = f.do(ctx, http.MethodDelete, manifests+resp.Header.Get("Docker-Content-Digest"), http.StatusAccepted)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (f *floor) List(ctx context.Context, repository string) (int, error) {
	total := 0
	for next := f.base + "/v2/" + repository + "/tags/list?n=1000"; next != ""; {
		resp, err := f.do(ctx, http.MethodGet, next, http.StatusOK)
		if err != nil {
			return total, err
		}
		var page struct{ Tags []string }
		err = json.NewDecoder(resp.Body).Decode(&page)
		io.Copy(io.Discard, resp.Body) // so that the connection can be used again
		resp.Body.Close()
		if err != nil {
			return total, err
		}
		total += len(page.Tags)
		next = f.next(resp.Header.Get("Link"))
	}
	return total, nil
}

// next reads the one form of Link that the server sends.
func (f *floor) next(link string) string {
	if link == "" {
		return ""
	}
	var path string
	if _, err := fmt.Sscanf(link, "<%s", &path); err != nil {
		return ""
	}
	return f.base + path[:len(path)-len(">;")]
}

const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"

func (f *floor) do(ctx context.Context, method, target string, want int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	if f.token != nil {
		token, err := f.token()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := f.pool.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s: %s", method, target, resp.Status)
	}
	return resp, nil
}

func (f *floor) fetchToken() (string, error) {
	query := url.Values{"service": {"bench"}, "scope": {"repository:" + registry.Repository + ":pull,delete"}}
	req, err := http.NewRequest(http.MethodGet, f.base+"/token?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(registry.User, registry.Password)
	resp, err := f.pool.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct{ Token string }
	err = json.NewDecoder(resp.Body).Decode(&answer)
	return answer.Token, err
}

func (f *floor) Close() error {
	f.pool.CloseIdleConnections()
	return nil
}
