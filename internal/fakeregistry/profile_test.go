package fakeregistry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// deviation is a behaviour of one registry with a check for it. overlay may be nil.
type deviation struct {
	name    string
	profile fakeregistry.Profile
	overlay fakeregistry.Option
	check   func(t *testing.T, c *client)
}

func TestProfilesImitateRegistries(t *testing.T) {
	t.Parallel()
	for _, d := range slices.Concat(distributionDeviations(), selfHostedDeviations(), hostedDeviations(), moreSelfHostedDeviations()) {
		t.Run(d.profile.Name+" "+d.name, func(t *testing.T) {
			t.Parallel()
			overlays := []fakeregistry.Option{}
			if d.overlay != nil {
				overlays = append(overlays, d.overlay)
			}
			reg := d.profile.New(overlays...)
			d.check(t, newClient(t, reg, "https://registry.example.com", reg))
		})
	}
}

// wantRefusal returns a check that a request is refused with the given status code, body and
// header, and deletes nothing. A path without a leading slash is relative to the repository.
// Placeholders such as "<v1>" in path and body are replaced by digests.
func wantRefusal(request string, status int, body string, header ...string) func(*testing.T, *client) {
	return func(t *testing.T, c *client) {
		index := c.reg.PutIndex("a", []string{"x", "y"}, "multi")
		image := c.reg.PutImage("a", "z", "v1", "v2")
		child := c.reg.PutImage("a", "x")
		fill := strings.NewReplacer("<v1>", image.Digest.String(), "<multi>", index.Digest.String(), "<child>", child.Digest.String(),
			"<absent>", absentDigest, "<blob>", digestOf("z"))
		method, path, _ := strings.Cut(fill.Replace(request), " ")
		if !strings.HasPrefix(path, "/") {
			path = "/v2/a/" + path
		}
		c.do(method, path, "").want(t, status, header...).wantBody(t, fill.Replace(body))
		if !c.reg.HasManifest("a", image.Digest) || len(c.reg.Tags("a")) != 3 {
			t.Error("something was deleted")
		}
	}
}

// errorDocument returns an error document of one error without a detail.
func errorDocument(code, message string) string {
	return `{"errors":[{"code":"` + code + `","message":"` + message + `"}]}` + "\n"
}

func TestProfilesHaveClaimsWithEvidence(t *testing.T) {
	t.Parallel()
	known := []fakeregistry.Evidence{fakeregistry.Measured, fakeregistry.ReadSource, fakeregistry.Documented, fakeregistry.Reported, fakeregistry.Unverified, fakeregistry.NoSuch}
	seen := map[string]bool{}
	for _, p := range fakeregistry.Profiles() {
		if p.Name == "" || p.Version == "" || len(p.Options) == 0 || len(p.Claims) == 0 || seen[p.Name] {
			t.Errorf("%q is incomplete or its name is not unique", p.Name)
		}
		seen[p.Name] = true
		for _, claim := range p.Claims {
			if !slices.Contains(known, claim.Evidence) || !strings.HasSuffix(claim.Says, ".") || claim.Topic == "" {
				t.Errorf("%s: %+v", p.Name, claim)
			}
		}
	}
	p := fakeregistry.Profile{Claims: []fakeregistry.Claim{{Topic: "a", Evidence: "I", Says: "x."}, {Topic: "a", Evidence: "R", Says: "y."}}}
	if diff := cmp.Diff([]fakeregistry.Evidence{"I", "U"}, []fakeregistry.Evidence{p.Evidence("a"), p.Evidence("b")}); diff != "" {
		t.Errorf("evidence of a topic with two claims and of one without (-want +got):\n%s", diff)
	}
}

func TestProfilesRequireCredentials(t *testing.T) {
	t.Parallel()
	for _, p := range fakeregistry.Profiles() {
		t.Run(p.Name+" returns 401 without credentials", func(t *testing.T) {
			t.Parallel()
			reg := p.New(p.WithUser("user", "password", "pull"))
			image := reg.PutImage("a", "x", "v1")
			c := newClient(t, reg, "https://registry.example.com", reg)
			for _, method := range []string{"HEAD", "GET", "DELETE"} {
				resp := c.do(method, "/v2/a/manifests/"+image.Digest.String(), "").want(t, 401)
				if resp.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: no challenge", method)
				}
			}
		})
	}
}

func TestOdditiesDifferFromTheSpecification(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, o := range fakeregistry.Oddities() {
		if o.Name == "" || o.Evidence == "" || names[o.Name] || o.Options == nil && o.Faults == nil {
			t.Errorf("%q is incomplete or its name is not unique", o.Name)
		}
		names[o.Name] = true
		reg := o.New()
		reg.PutImage("a", "x", "v1", "v2", "v3")
		c := newClient(t, reg, "https://registry.example.com", reg)
		spec := fakeregistry.New()
		image := spec.PutImage("a", "x", "v1", "v2", "v3")
		specClient := newClient(t, spec, "https://registry.example.com", spec)
		if !slices.ContainsFunc([]string{"HEAD /v2/a/manifests/v1", "GET /v2/a/tags/list?last=v2", "GET /v2/a/tags/list", "DELETE /v2/a/manifests/" + image.Digest.String()}, func(request string) bool {
			method, path, _ := strings.Cut(request, " ")
			want, err := specClient.send(method, path, "", "Accept", "text/plain")
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.send(method, path, "", "Accept", "text/plain")
			return err != nil || got.StatusCode != want.StatusCode || got.body != want.body || cmp.Diff(got.Header, want.Header) != "" ||
				len(reg.Tags("a")) != len(spec.Tags("a"))
		}) {
			t.Errorf("%s: no response differs", o.Name)
		}
	}
}
