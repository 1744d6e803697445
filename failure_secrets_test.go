package regret_test

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestSecretsEchoedOutsideABody(t *testing.T) {
	t.Parallel()
	const token = "c4n4ry.t0ken-c4n4ry"
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
	}{
		{"in a request id", http.StatusForbidden, map[string]string{"X-Request-Id": token}, ""},
		{"in a digest", http.StatusOK, map[string]string{"Docker-Content-Digest": token}, ""},
		{"in a content type", http.StatusOK, map[string]string{"Content-Type": "text/" + token}, "<html>"},
		{"in a content encoding", http.StatusOK, map[string]string{"Content-Encoding": token}, "x"},
		{"in a link", http.StatusOK, map[string]string{"Link": "<http://" + token + "/v2/>; rel=next"}, `{"tags":[]}`},
		{"in an entry of a list", http.StatusOK, nil, `{"tags":["` + token + `!"]}`},
		{"in a location", http.StatusFound, map[string]string{"Location": token + "://x"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name+" are not shown", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(tt.status, tt.header, tt.body))
			c := newClient(t, reg, regret.WithToken(token))
			_, err := c.Manifest(t.Context(), repo, "v1")
			if err != nil {
				wantDiscreet(t, err, token)
			}
			for _, err := range c.Tags(t.Context(), repo) {
				if err != nil {
					wantDiscreet(t, err, token)
				}
			}
		})
	}
}
