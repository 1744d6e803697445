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

// netHTTP is the least code that does the work: an http.Transport without an http.Client around it,
// no retries, no limits, no validation of responses, and a token service known in advance.
type netHTTP struct {
	base  string
	pool  *http.Transport
	token func() (string, error)
}

func openNetHTTP(s Setup) (Client, error) {
	c := &netHTTP{base: s.url(), pool: newPool(s)}
	if s.Bearer {
		c.token = sync.OnceValues(c.fetchToken)
	}
	return c, nil
}

func (c *netHTTP) ResolveDelete(ctx context.Context, repository, tag string) error {
	manifests := c.base + "/v2/" + repository + "/manifests/"
	resp, err := c.do(ctx, http.MethodHead, manifests+tag, http.StatusOK)
	if err != nil {
		return err
	}
	resp.Body.Close()
	resp, err = c.do(ctx, http.MethodDelete, manifests+resp.Header.Get("Docker-Content-Digest"), http.StatusAccepted)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (c *netHTTP) List(ctx context.Context, repository string) (int, error) {
	total := 0
	for next := c.base + "/v2/" + repository + "/tags/list?n=1000"; next != ""; {
		resp, err := c.do(ctx, http.MethodGet, next, http.StatusOK)
		if err != nil {
			return total, err
		}
		var page struct{ Tags []string }
		err = json.NewDecoder(resp.Body).Decode(&page)
		io.Copy(io.Discard, resp.Body) // drain, so that the connection can be reused
		resp.Body.Close()
		if err != nil {
			return total, err
		}
		total += len(page.Tags)
		next = c.nextPage(resp.Header.Get("Link"))
	}
	return total, nil
}

// nextPage parses the one form of the Link header field that the server sends.
func (c *netHTTP) nextPage(link string) string {
	if link == "" {
		return ""
	}
	var path string
	if _, err := fmt.Sscanf(link, "<%s", &path); err != nil {
		return ""
	}
	return c.base + path[:len(path)-len(">;")]
}

const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"

func (c *netHTTP) do(ctx context.Context, method, target string, want int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.pool.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s: %s", method, target, resp.Status)
	}
	return resp, nil
}

func (c *netHTTP) fetchToken() (string, error) {
	query := url.Values{"service": {"bench"}, "scope": {"repository:" + registry.Repository + ":pull,delete"}}
	req, err := http.NewRequest(http.MethodGet, c.base+"/token?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(registry.User, registry.Password)
	resp, err := c.pool.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var body struct{ Token string }
	err = json.NewDecoder(resp.Body).Decode(&body)
	return body.Token, err
}

func (c *netHTTP) Close() error {
	c.pool.CloseIdleConnections()
	return nil
}
