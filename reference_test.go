package regret_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

const (
	aDigest   = "sha256:e45fa2a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d"
	aSHA512   = "sha512:" + sixtyFour + sixtyFour
	sixtyFour = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func TestParseReference(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, text string
		want       regret.Reference
		full       string
	}{
		{"a registry, a repository and a tag", "localhost:5000/busybox:latest",
			regret.Reference{Registry: "localhost:5000", Repository: "busybox", Tag: "latest"}, "localhost:5000/busybox:latest"},
		{"a short name is in library at Docker Hub", "busybox:1.36",
			regret.Reference{Registry: "docker.io", Repository: "library/busybox", Tag: "1.36"}, "docker.io/library/busybox:1.36"},
		{"a name without a registry is at Docker Hub", "team/app:v1",
			regret.Reference{Registry: "docker.io", Repository: "team/app", Tag: "v1"}, "docker.io/team/app:v1"},
		{"a missing tag stays empty", "registry.example.com/team/app",
			regret.Reference{Registry: "registry.example.com", Repository: "team/app"}, "registry.example.com/team/app"},
		{"a digest", "registry.example.com/team/app@" + aDigest,
			regret.Reference{Registry: "registry.example.com", Repository: "team/app", Digest: aDigest},
			"registry.example.com/team/app@" + aDigest},
		{"a tag and a digest", "registry.example.com/team/app:v1@" + aDigest,
			regret.Reference{Registry: "registry.example.com", Repository: "team/app", Tag: "v1", Digest: aDigest},
			"registry.example.com/team/app:v1@" + aDigest},
		{"a sha512 digest", "r.example/app@" + aSHA512,
			regret.Reference{Registry: "r.example", Repository: "app", Digest: aSHA512}, "r.example/app@" + aSHA512},
		{"an IPv6 address", "[::1]:5000/app:v1",
			regret.Reference{Registry: "[::1]:5000", Repository: "app", Tag: "v1"}, "[::1]:5000/app:v1"},
		{"localhost without a port", "localhost/app",
			regret.Reference{Registry: "localhost", Repository: "app"}, "localhost/app"},
		{"index.docker.io is docker.io", "index.docker.io/busybox",
			regret.Reference{Registry: "docker.io", Repository: "library/busybox"}, "docker.io/library/busybox"},
		{"a number before the slash is not a registry", "2130706433/app",
			regret.Reference{Registry: "docker.io", Repository: "2130706433/app"}, "docker.io/2130706433/app"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, err := regret.ParseReference(test.text)
			wantErr(t, err)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != test.full {
				t.Errorf("String() = %q, want %q", got, test.full)
			}
			again, err := regret.ParseReference(got.String())
			wantErr(t, err)
			if again != got {
				t.Errorf("String() parses as %+v, want %+v", again, got)
			}
		})
	}
}

func TestParseReferenceRejectsInvalidNames(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, test := range []struct{ rule, text, says string }{
		{"an empty string", "", `""`},
		{"capitals in a repository", "registry.example.com/Team/App", "Team/App"},
		{"a scheme", "https://registry.example.com/app", "registry.example.com/app"},
		{"a bare digest", aDigest, "sha256"},
		{"a short digest", "app@sha256:abc", "sha256:abc"},
		{"a digest of another algorithm", "app@md5:d41d8cd98f00b204e9800998ecf8427e", "md5"},
		{"an empty tag", "app:", "app:"},
		{"a path with ..", "registry.example.com/../app", "../app"},
		{"a line break", "app:v1\n", `v1\n`},
		{"user information", "https://user:" + secret + "@registry.example.com/app", "@registry.example.com/app"},
		{"user information before a port", "user:" + secret + "@localhost:5000", "@localhost:5000"},
		{"a very long text", strings.Repeat("a/", 5000), "…"},
	} {
		t.Run(test.rule+" is an error", func(t *testing.T) {
			t.Parallel()
			got, err := regret.ParseReference(test.text)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, test.says)
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the password is in the error: %v", err)
			}
			if got != (regret.Reference{}) {
				t.Errorf("an error with the reference %v, want an empty one", got)
			}
		})
	}
}
