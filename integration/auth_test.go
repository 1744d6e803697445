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

// realm is the option that trusts the stage's token service, which has a port of its own.
func (s *stage) realm() regret.Option {
	return regret.WithTrustedRealm(strings.TrimSuffix(s.Tokens.URL, "/token"))
}

func TestBasicAuthCostsOneRequestMore(t *testing.T) {
	t.Parallel()
	each(t, basicSetup(), func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		c := s.client(t, regret.WithBasicAuth("derek", "a secret"))
		dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
			t.Error(err)
		}
		s.wantSent(t,
			line(http.MethodHead, "latest", "401"),
			line(http.MethodHead, "latest", "200"),
			line(http.MethodDelete, dgst.String(), "202"))
		s.wantThere(t, false, "latest")
	})
}

func TestWrongCredentialsAreUnauthorizedAndDeleteNothing(t *testing.T) {
	t.Parallel()
	setups := map[string]registry.Setup{"basic": basicSetup(), "token": tokenSetup()}
	for name, setup := range setups {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, setup, func(t *testing.T, s *stage) {
				image := wire.OCIImage(t, "hello")
				s.repo.Push(t, image, "latest")
				var options []regret.Option
				if s.Tokens != nil {
					options = append(options, s.realm())
				}
				clients := map[string]*regret.Client{
					"wrong password":     s.client(t, append(options, regret.WithBasicAuth("derek", "wrong"))...),
					"no credentials":     s.client(t, options...),
					"not a token at all": s.client(t, append(options, regret.WithToken("nonsense"))...),
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
							t.Errorf("%s: %s: the message has the password: %v", name, op, err)
						}
					}
				}
				s.wantThere(t, true, "latest", image.Digest.String())
			})
		})
	}
}

func TestTokenAuthCostsFourRequestsWhenCold(t *testing.T) {
	t.Parallel()
	each(t, tokenSetup(), func(t *testing.T, s *stage) {
		one, two := wire.OCIImage(t, "one"), wire.DockerImage(t, "two")
		s.repo.Push(t, one, "one")
		s.repo.Push(t, two, "two")
		c := s.client(t, s.realm(), regret.WithBasicAuth("derek", "a secret"))
		dgst, err := c.ResolveDigest(t.Context(), repository, "one")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
			t.Error(err)
		}
		s.wantSent(t,
			line(http.MethodHead, "one", "401"),
			"GET /token 200",
			line(http.MethodHead, "one", "200"),
			line(http.MethodDelete, dgst.String(), "202"))

		if err := c.DeleteManifest(t.Context(), repository, two.Digest); err != nil {
			t.Error(err)
		}
		s.wantSent(t,
			line(http.MethodHead, two.Digest.String(), "200"),
			line(http.MethodDelete, two.Digest.String(), "202"))
		s.wantThere(t, false, "one", "two")
	})
}

func TestATokenWithoutTheRightToDeleteIsForbidden(t *testing.T) {
	t.Parallel()
	each(t, tokenSetup(), func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		c := s.client(t, s.realm(), regret.WithBasicAuth("reader", "a secret"))
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
		s.wantThere(t, true, "latest", dgst.String())
	})
}

func TestATokenServiceNobodyVouchedForIsNotAsked(t *testing.T) {
	t.Parallel()
	each(t, tokenSetup(), func(t *testing.T, s *stage) {
		s.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		c := s.client(t, regret.WithBasicAuth("derek", "a secret"))
		_, err := c.ResolveDigest(t.Context(), repository, "latest")
		if !errors.Is(err, regret.ErrUntrustedRealm) {
			t.Error(err)
		}
		if sent := s.sent.Sent(); slices.ContainsFunc(sent, func(line string) bool { return strings.Contains(line, "/token") }) {
			t.Errorf("the service was asked: %q", sent)
		}
	})
}

func TestAReadyMadeTokenIsUsedAsItIs(t *testing.T) {
	t.Parallel()
	each(t, tokenSetup(), func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		token, err := s.Tokens.Token("derek", "repository:"+repository+":pull,delete")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.client(t, regret.WithToken(token)).DeleteManifest(t.Context(), repository, image.Digest); err != nil {
			t.Error(err)
		}
		s.wantSent(t,
			line(http.MethodHead, image.Digest.String(), "200"),
			line(http.MethodDelete, image.Digest.String(), "202"))
	})
}

func TestEverythingIsAllowedWithTheRightCredentials(t *testing.T) {
	t.Parallel()
	each(t, tokenSetup(), func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		c := s.client(t, s.realm(), regret.WithBasicAuth("derek", "a secret"))
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
		s.wantThere(t, true, "latest", "also")
	})
}
