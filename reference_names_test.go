package regret_test

import (
	"context"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A method is a method of Client that takes a repository and possibly a reference.
type method struct {
	name string
	call func(ctx context.Context, c *regret.Client, repository, reference string) error
}

// The methods by the kind of reference that they take.
var (
	// readMethods take a tag or a digest. PutManifest is one of them in this respect.
	readMethods = []method{
		{"ResolveDigest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := c.ResolveDigest(ctx, r, ref)
			return err
		}},
		{"Resolve", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := c.Resolve(ctx, r, ref)
			return err
		}},
		{"Manifest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := c.Manifest(ctx, r, ref)
			return err
		}},
		{"PutManifest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			return c.PutManifest(ctx, r, ref, manifestOf(emptyImage))
		}},
	}
	tagMethods = []method{
		{"Untag", func(ctx context.Context, c *regret.Client, r, ref string) error { return c.Untag(ctx, r, ref) }},
	}
	digestMethods = []method{
		{"DeleteManifest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			return c.DeleteManifest(ctx, r, regret.Digest(ref))
		}},
		{"Referrers", func(ctx context.Context, c *regret.Client, r, ref string) error {
			for _, err := range c.Referrers(ctx, r, regret.Digest(ref)) {
				return err
			}
			return nil
		}},
	}
	repositoryMethods = []method{
		{"CheckDelete", func(ctx context.Context, c *regret.Client, r, _ string) error { return c.CheckDelete(ctx, r) }},
		{"CheckUntag", func(ctx context.Context, c *regret.Client, r, _ string) error { return c.CheckUntag(ctx, r) }},
		{"Tags", func(ctx context.Context, c *regret.Client, r, _ string) error {
			for _, err := range c.Tags(ctx, r) {
				return err
			}
			return nil
		}},
	}
)

// wantInvalid expects each method to return ErrInvalid with the invalid value, and to send nothing.
func wantInvalid(t *testing.T, methods []method, repository, ref, shown string) {
	t.Helper()
	reg := fakeregistry.New()
	c := newClient(t, reg)
	for _, m := range methods {
		err := m.call(t.Context(), c, repository, ref)
		e := wantErr(t, err, regret.ErrInvalid)
		if e.Method != "" || e.Attempts != 0 {
			t.Errorf("%s: the error claims that a request was sent: %+v", m.name, e)
		}
		if shown != "" && !strings.Contains(e.Err.Error(), shown) {
			t.Errorf("%s: the error does not contain %s: %v", m.name, shown, err)
		}
	}
	wantRequests(t, reg)
}

func TestInvalidRepositoriesSendNothing(t *testing.T) {
	t.Parallel()
	all := append(append(append(readMethods[:len(readMethods):len(readMethods)], tagMethods...), digestMethods...), repositoryMethods...)
	for _, test := range []struct{ rule, repository, shown string }{
		{"an empty string", "", "empty"},
		{"a path with ..", "a/../b", `"a/../b"`},
		{"a path that leaves the API", "../../etc/passwd", "etc/passwd"},
		{"a dot", "a/./b", `"a/./b"`},
		{"an empty component", "a//b", `"a//b"`},
		{"a leading slash", "/a", `"/a"`},
		{"a trailing slash", "a/", `"a/"`},
		{"a leading dash", "-a", `"-a"`},
		{"a trailing dash", "a-", `"a-"`},
		{"a leading dot", ".a", `".a"`},
		{"two dots inside", "a..b", `"a..b"`},
		{"three underscores", "a___b", `"a___b"`},
		{"a dot beside a dash", "a.-b", `"a.-b"`},
		{"the name of the catalog", "_catalog", `"_catalog"`},
		{"a capital letter", "Team/app", `"Team/app"`},
		{"a space", "a b", `"a b"`},
		{"a tag", "a:v1", `"a:v1"`},
		{"a digest", "a@" + aDigest, "a@sha256"},
		{"an escaped dot", "%2e%2e", `"%2e%2e"`},
		{"an escaped slash", "a%2fb", `"a%2fb"`},
		{"a query", "a?b", `"a?b"`},
		{"a fragment", "a#b", `"a#b"`},
		{"a backslash", `a\b`, `a\\b`},
		{"a line break", "a\r\nX: y", `a\r\nX: y`},
		{"a trailing line feed", "a\n", `"a\n"`},
		{"a zero byte", "a\x00", `a\x00`},
		{"a URL", "http://a", `"http://a"`},
		{"user information", "user:pass@host/a", ""},
		{"Unicode", "bücher", `"bücher"`},
		{"invalid UTF-8", "a\xff", `a\xff`},
		{"256 bytes", strings.Repeat("a", 256), "longer than 255"},
		{"a megabyte", strings.Repeat("a", 1<<20), "longer than 255"},
	} {
		t.Run(test.rule+" is not a repository", func(t *testing.T) {
			t.Parallel()
			wantInvalid(t, readMethods, test.repository, aDigest, test.shown)
			wantInvalid(t, tagMethods, test.repository, "v1", test.shown)
			wantInvalid(t, all, test.repository, aDigest, "")
		})
	}
}

func TestInvalidTagsSendNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, tag, shown string }{
		{"an empty string", "", `""`},
		{"a leading dot", ".v1", `".v1"`},
		{"a leading dash", "-v1", `"-v1"`},
		{"a dot", ".", `"."`},
		{"two dots", "..", `".."`},
		{"a path", "v1/../v2", `"v1/../v2"`},
		{"a space", "v 1", `"v 1"`},
		{"a plus", "v1+build", `"v1+build"`},
		{"a query", "v1?x", `"v1?x"`},
		{"a fragment", "v1#x", `"v1#x"`},
		{"an escape", "v1%2f", `"v1%2f"`},
		{"a line break", "v1\r\n", `"v1\r\n"`},
		{"a zero byte", "v\x00", `v\x00`},
		{"an at sign", "v1@x", `"v1@x"`},
		{"Unicode", "vé", `"vé"`},
		{"129 bytes", strings.Repeat("v", 129), "vvv"},
	} {
		t.Run(test.rule+" is not a tag", func(t *testing.T) {
			t.Parallel()
			wantInvalid(t, readMethods, repo, test.tag, test.shown)
			wantInvalid(t, tagMethods, repo, test.tag, test.shown)
			wantInvalid(t, digestMethods, repo, test.tag, test.shown)
		})
	}
}

func TestInvalidDigestsSendNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, dgst, shown string }{
		{"a tag with a colon", "v1:x", `"v1:x"`},
		{"an algorithm alone", "sha256:", `"sha256:"`},
		{"a hash alone", ":" + sixtyFour, sixtyFour},
		{"a hash that is not hexadecimal", "sha256:zz", `"sha256:zz"`},
		{"a short hash", aDigest[:len(aDigest)-1], "sha256:e45f"},
		{"a long hash", aDigest + "0", "sha256:e45f"},
		{"a hash in capitals without algorithm", strings.ToUpper(aDigest[7:]), ""},
		{"a hash in capitals", "sha256:" + strings.ToUpper(aDigest[7:]), "E45F"},
		{"a path instead of a hash", "sha256:../../v1", `"sha256:../../v1"`},
		{"a path after a valid digest", aDigest + "/../x", "/../x"},
		{"a query after a valid digest", aDigest + "?x", "?x"},
		{"a line break after a valid digest", aDigest + "\n", `\n`},
		{"a hash with the length of another algorithm", "sha512:" + sixtyFour, "sha512"},
		{"a broken algorithm", "md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported"},
		{"an unknown algorithm", "blake9:" + sixtyFour, "unsupported"},
		{"a multihash", "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", "unsupported"},
	} {
		t.Run(test.rule+" is not a digest", func(t *testing.T) {
			t.Parallel()
			wantInvalid(t, digestMethods, repo, test.dgst, test.shown)
			if strings.Contains(test.dgst, ":") {
				wantInvalid(t, readMethods, repo, test.dgst, test.shown)
				wantInvalid(t, tagMethods, repo, test.dgst, "")
			}
		})
	}
}

func TestDeleteManifestTakesDigestsAndUntagTakesTags(t *testing.T) {
	t.Parallel()
	t.Run("DeleteManifest rejects a tag", func(t *testing.T) {
		t.Parallel()
		wantInvalid(t, digestMethods[:1], repo, "latest", `"latest"`)
		err := newClient(t, fakeregistry.New()).DeleteManifest(t.Context(), repo, "latest")
		wantText(t, err, "team/app:latest", "ResolveDigest")
	})
	t.Run("Untag rejects a digest", func(t *testing.T) {
		t.Parallel()
		wantInvalid(t, tagMethods, repo, aDigest, aDigest)
	})
}

// alphabet has parts of valid names, and text that could change the path of a request.
var alphabet = []string{
	"a", "b", "0", "9", "/", "/", "-", "_", "__", ".", ":", "@", "A", "Z", "..", "//", "%2e", "%2f", "?", "#", " ", "\n", "\r\n", "\x00",
	"\\", "sha256:", "sha512:", sixtyFour, "e45f", "manifests", "tags", "list", "_catalog", "http://", "é", "\xff", "latest", "+", "=", ";",
}

func TestRandomInvalidNamesSendNothing(t *testing.T) {
	t.Parallel()
	const tries = 10_000
	reg := fakeregistry.New()
	c := newClient(t, reg)
	random := rand.New(rand.NewPCG(1, 2))
	next := func() string {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	for invalid := 0; invalid < tries; {
		name := next()
		if !validRepository(name) {
			invalid++
			for _, m := range repositoryMethods {
				wantErr(t, m.call(t.Context(), c, name, ""), regret.ErrInvalid)
			}
			wantErr(t, readMethods[0].call(t.Context(), c, name, "latest"), regret.ErrInvalid)
		}
		if !validTag(name) {
			invalid++
			wantErr(t, tagMethods[0].call(t.Context(), c, repo, name), regret.ErrInvalid)
		}
		if digest.Digest(name).Validate() != nil {
			invalid++
			for _, m := range digestMethods {
				wantErr(t, m.call(t.Context(), c, repo, name), regret.ErrInvalid)
			}
			if !validTag(name) {
				wantErr(t, readMethods[0].call(t.Context(), c, repo, name), regret.ErrInvalid)
			}
		}
	}
	wantRequests(t, reg)
}

// wholeTag is the grammar of a tag in distribution/reference.
var wholeTag = regexp.MustCompile("^(?:" + reference.TagRegexp.String() + ")$")

// validTag and validRepository apply the grammar of distribution/reference.
func validTag(s string) bool { return wholeTag.MatchString(s) }

func validRepository(s string) bool {
	named, err := reference.WithName("registry.example.com/" + s)
	return err == nil && reference.Domain(named) == "registry.example.com" && reference.Path(named) == s
}
