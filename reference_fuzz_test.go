package regret_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

// A recordingTransport responds to every request with 403 and records the last URL.
type recordingTransport struct{ url string }

func (s *recordingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	s.url = req.URL.String()
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// FuzzNames checks that names which are invalid according to distribution/reference and go-digest
// send nothing, and that valid names appear unchanged in the URL.
func FuzzNames(f *testing.F) {
	for _, seed := range [][2]string{
		{"team/app", "latest"}, {"a/../b", "v1"}, {"a", aDigest}, {"a__b.c-d", aSHA512}, {"a", "sha256:zz"},
		{strings.Repeat("a", 255), strings.Repeat("v", 128)}, {"_catalog", ".v1"}, {"a%2fb", "a?x#y"}, {"A", "A"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, repository, ref string) {
		var base recordingTransport
		c := newClient(t, &base)
		_, err := c.ResolveDigest(t.Context(), repository, ref)
		valid := validRepository(repository) && (validTag(ref) || digest.Digest(ref).Validate() == nil)
		switch {
		case valid && base.url != "https://registry.example.com/v2/"+repository+"/manifests/"+ref:
			t.Fatalf("%q %q was sent to %q: %v", repository, ref, base.url, err)
		case !valid && (base.url != "" || !errors.Is(err, regret.ErrInvalid)):
			t.Fatalf("%q %q was sent to %q: %v", repository, ref, base.url, err)
		}
		if len(err.Error()) > 1<<10 {
			t.Fatalf("the error text has %d bytes", len(err.Error()))
		}
	})
}

// FuzzParseReference compares ParseReference with distribution/reference, except for hosts with an
// underscore. It checks that String and ParseReference are inverse and that no registry is empty.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{
		"busybox", "localhost:5000/busybox:latest", "a/b@" + aDigest, "[::1]:5000/a:v1@" + aSHA512, "docker.io/busybox",
		"index.docker.io/library/x", "https://a/b", "a_b.c/d:e", "a_b:1/c", "1_2.3/a", "a__b/c", "docker-daemon:a", "A_b/c", "a_.b/c", "A/b", "2130706433/a", "", "user:pass@host/a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := regret.ParseReference(text)
		if err == nil && (got.Registry == "" || got.Repository == "") {
			t.Fatalf("%q parses as %+v", text, got)
		}
		if host, _, _ := strings.Cut(text, "/"); strings.Contains(host, "_") && got.Registry != "docker.io" {
			// distribution/reference allows no underscore, and so may take the host for a repository.
			if again, reparseErr := regret.ParseReference(got.String()); err == nil && (reparseErr != nil || again != got || got.Registry != host) {
				t.Fatalf("%q parses as %+v, but its String as %+v, %v", text, got, again, reparseErr)
			}
			if _, newErr := regret.New(got.Registry); err == nil && newErr != nil {
				t.Fatalf("%q has the registry %q: %v", text, got.Registry, newErr)
			}
			return
		}
		named, bad := reference.ParseNormalizedNamed(text)
		if digest.Digest(text).Validate() == nil {
			bad = digest.ErrDigestInvalidFormat // docker parses this as a tag of "library/sha256"
		}
		for _, transport := range []string{"docker-daemon:", "docker-archive:", "oci-archive:", "containers-storage:"} {
			if host, _, ok := strings.Cut(text, "/"); strings.HasPrefix(text, transport) && (!ok || validHost(host) != nil) { // docker parses some of these as a tag
				bad = reference.ErrReferenceInvalidFormat
			}
		}
		if (err == nil) != (bad == nil) {
			t.Fatalf("%q: %v, but distribution/reference: %v", text, err, bad)
		}
		if err != nil {
			return
		}
		if got.String() != named.String() {
			t.Fatalf("%q parses as %q, want %q", text, got, named)
		}
		if again, err := regret.ParseReference(got.String()); err != nil || again != got {
			t.Fatalf("%q parses as %+v, but its String as %+v, %v", text, got, again, err)
		}
		if !validRepository(got.Repository) || got.Tag != "" && !validTag(got.Tag) || got.Digest != "" && got.Digest.Validate() != nil {
			t.Fatalf("%q has parts that other methods reject: %+v", text, got)
		}
	})
}

// validHost returns the error of New for a registry.
func validHost(host string) error {
	_, err := regret.New(host)
	return err
}
