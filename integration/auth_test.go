package integration_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func basicSetup() registry.Setup {
	return registry.Setup{Users: map[string]string{"derek": "a secret"}}
}

func tokenSetup() registry.Setup {
	return registry.Setup{Accounts: map[string]registry.Account{
		"derek":  {Password: "a secret", Actions: []string{"pull", "push", "delete", "*"}},
		"reader": {Password: "a secret", Actions: []string{"pull"}},
	}}
}

// trustTokenService returns the option that trusts the token service of the registry, which listens on
// another port.
func (f *fixture) trustTokenService() regret.Option {
	return regret.WithTrustedRealm(strings.TrimSuffix(f.Tokens.URL, "/token"))
}

func TestBasicAuthCostsOneExtraRequest(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, basicSetup(), func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		c := f.client(t, regret.WithBasicAuth("derek", "a secret"))
		dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
			t.Error(err)
		}
		f.wantSent(t,
			manifestRequest(http.MethodHead, "latest", "401"),
			manifestRequest(http.MethodHead, "latest", "200"),
			manifestRequest(http.MethodDelete, dgst.String(), "202"))
		f.wantExists(t, false, "latest")
	})
}

func TestWrongCredentialsFailAndDeleteNothing(t *testing.T) {
	t.Parallel()
	setups := map[string]registry.Setup{"basic": basicSetup(), "token": tokenSetup()}
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forEachRegistry(t, setup, func(t *testing.T, f *fixture) {
				image := wire.OCIImage(t, "hello")
				f.repo.Push(t, image, "latest")
				var options []regret.Option
				if f.Tokens != nil {
					options = append(options, f.trustTokenService())
				}
				clients := map[string]*regret.Client{
					"wrong password": f.client(t, append(options, regret.WithBasicAuth("derek", "wrong"))...),
					"no credentials": f.client(t, options...),
					"invalid token":  f.client(t, append(options, regret.WithToken("nonsense"))...),
				}
				for name, c := range clients {
					_, resolved := c.ResolveDigest(t.Context(), repository, "latest")
					for op, err := range map[string]error{
						"ping":    c.Ping(t.Context()),
						"resolve": resolved,
						"delete":  c.DeleteManifest(t.Context(), repository, image.Digest),
						"untag":   c.Untag(t.Context(), repository, "latest"),
						"check":   c.CheckDelete(t.Context(), repository),
					} {
						if !errors.Is(err, regret.ErrUnauthorized) {
							t.Errorf("%s: %s: %v", name, op, err)
						}
						if err != nil && strings.Contains(err.Error(), "wrong") {
							t.Errorf("%s: %s: the message contains the password: %v", name, op, err)
						}
					}
				}
				f.wantExists(t, true, "latest", image.Digest.String())
			})
		})
	}
}

func TestTokenAuthCostsTwoExtraRequestsForANewClient(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, tokenSetup(), func(t *testing.T, f *fixture) {
		one, two := wire.OCIImage(t, "one"), wire.DockerImage(t, "two")
		f.repo.Push(t, one, "one")
		f.repo.Push(t, two, "two")
		c := f.client(t, f.trustTokenService(), regret.WithBasicAuth("derek", "a secret"))
		dgst, err := c.ResolveDigest(t.Context(), repository, "one")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
			t.Error(err)
		}
		f.wantSent(t,
			manifestRequest(http.MethodHead, "one", "401"),
			"GET /token 200",
			manifestRequest(http.MethodHead, "one", "200"),
			manifestRequest(http.MethodDelete, dgst.String(), "202"))

		if err := c.DeleteManifest(t.Context(), repository, two.Digest); err != nil {
			t.Error(err)
		}
		f.wantSent(t,
			manifestRequest(http.MethodHead, two.Digest.String(), "200"),
			manifestRequest(http.MethodDelete, two.Digest.String(), "202"))
		f.wantExists(t, false, "one", "two")
	})
}

func TestUserWithoutDeletePermissionIsForbidden(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, tokenSetup(), func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		c := f.client(t, f.trustTokenService(), regret.WithBasicAuth("reader", "a secret"))
		dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		for op, err := range map[string]error{
			"delete": c.DeleteManifest(t.Context(), repository, dgst),
			"untag":  c.Untag(t.Context(), repository, "latest"),
			"check":  c.CheckDelete(t.Context(), repository),
		} {
			if !errors.Is(err, regret.ErrForbidden) {
				t.Errorf("%s: %v", op, err)
			}
		}
		f.wantExists(t, true, "latest", dgst.String())
	})
}

func TestUntrustedTokenServiceGetsNoRequest(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, tokenSetup(), func(t *testing.T, f *fixture) {
		f.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		c := f.client(t, regret.WithBasicAuth("derek", "a secret"))
		_, err := c.ResolveDigest(t.Context(), repository, "latest")
		if !errors.Is(err, regret.ErrUntrustedRealm) {
			t.Error(err)
		}
		if sent := f.recorder.Sent(); slices.ContainsFunc(sent, func(line string) bool { return strings.Contains(line, "/token") }) {
			t.Errorf("a request was sent to the token service: %q", sent)
		}
	})
}

func TestWithTokenSendsTheTokenWithoutATokenRequest(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, tokenSetup(), func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		token, err := f.Tokens.Token("derek", "repository:"+repository+":pull,delete")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.client(t, regret.WithToken(token)).DeleteManifest(t.Context(), repository, image.Digest); err != nil {
			t.Error(err)
		}
		f.wantSent(t,
			manifestRequest(http.MethodHead, image.Digest.String(), "200"),
			manifestRequest(http.MethodDelete, image.Digest.String(), "202"))
	})
}

func TestEveryOperationWorksWithTheRightCredentials(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, tokenSetup(), func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		c := f.client(t, f.trustTokenService(), regret.WithBasicAuth("derek", "a secret"))
		if err := c.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if err := c.CheckDelete(t.Context(), repository); err != nil {
			t.Error(err)
		}
		m, err := c.Manifest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.PutManifest(t.Context(), repository, "also", m); err != nil {
			t.Error(err)
		}
		wantList(t, c.Tags(t.Context(), repository), "also", "latest")
		wantList(t, c.Repositories(t.Context()), repository)
		f.wantExists(t, true, "latest", "also")
	})
}
