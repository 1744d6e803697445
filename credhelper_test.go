package regret_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestHelperCredentialIsUsedAtTheRegistry(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New(fakeregistry.WithBasicAuth("ann", helperSecret))
	reg.PutImage(repo, "hello", "v1")
	wantErr(t, resolve(t, newClient(t, reg, regret.WithCredentials(load(t, `{"credsStore":"regret-good"}`)))))
}

// A failing helper ends the operation: the client does not become anonymous, and no other account
// takes the place of the helper's (V16).
func TestHelperFailures(t *testing.T) {
	t.Parallel()
	const fileSecret = "c4n4ry-in-the-file"
	tests := []struct{ helper, want string }{
		{"missing", "not found in $PATH"},
		{"fails", "exit status 1"},
		{"garbage", "did not print the JSON"},
	}
	for _, tt := range tests {
		t.Run("the error names the registry and the helper "+tt.helper, func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, fileSecret))
			reg.PutImage(repo, "hello", "v1")
			for _, origin := range []string{registryURL, "https://registry-1.docker.io", "https://index.docker.io", "https://auth.docker.io"} {
				network.Handle(origin, reg)
			}
			path := writeConfig(t, `{"credsStore":"regret-`+tt.helper+`","auths":{"`+host+`":`+entry(account, fileSecret)+
				`,"https://index.docker.io/v1/":`+entry("hub", fileSecret)+`}}`)
			source, err := credentials.LoadDockerConfig(path, writeConfig(t, `{"auths":{"`+host+`":`+entry(account, fileSecret)+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, network, regret.WithCredentials(source))
			err = c.Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrUnauthorized)
			wantText(t, err, host, helperPrefix+tt.helper, path, tt.want)
			wantDiscreet(t, err, helperSecret, fileSecret)
			e, ok := errors.AsType[*credentials.Error](err)
			if !ok {
				t.Fatalf("not a *CredentialError: %v", err)
			}
			if diff := cmp.Diff([]string{host, path, helperPrefix + tt.helper}, []string{e.Registry, e.File, e.Helper}); diff != "" {
				t.Errorf("registry, file and helper (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"DELETE registry 401"}, traffic(network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			wantHome(t, network.Requests(), nil, helperSecret, fileSecret)
			if _, there := reg.Tag(repo, "v1"); !there {
				t.Error("the tag is gone")
			}
			text, _, _ := strings.Cut(err.Error(), "; to see its output, run: echo "+host)
			if strings.Count(text, host) != 2 { // the request's URL and the credential's
				t.Errorf("the text repeats itself: %v", err)
			}
		})
	}
}

func TestHelperThatOutlivesTheDeadline(t *testing.T) {
	t.Parallel()
	// Processes do not run in the virtual time of testing/synctest: these 200 ms are real.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	const registry = "127.0.0.1:5000" // no request leaves the transport
	sent := 0
	c := newClientOf(t, "https://"+registry, roundTrip(func(req *http.Request) (*http.Response, error) {
		sent++
		if req.Header.Get("Authorization") != "" {
			t.Error("credentials were sent")
		}
		return respond(req, 401, "", "WWW-Authenticate", `Basic realm="r"`), nil
	}), regret.WithCredentials(load(t, `{"credsStore":"regret-hangs"}`)))
	start := time.Now()
	err := c.Untag(ctx, repo, "v1")
	// Much shorter than the minute for which the helper hangs, and long enough for a busy machine.
	if took := time.Since(start); took > 200*time.Millisecond+20*time.Second {
		t.Errorf("it took %v", took)
	}
	wantErr(t, err, context.DeadlineExceeded)
	wantNot(t, err, regret.ErrOutcomeUnknown)
	wantText(t, err, registry, helperPrefix+"hangs")
	if sent != 1 {
		t.Errorf("%d requests, want 1", sent)
	}
}
