package threats_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

// A nameCall is a method of the client that takes a repository and perhaps a reference.
type nameCall struct {
	name string
	run  func(ctx context.Context, c *regret.Client, repository, reference string) error
}

// The methods that take a tag or a digest, only a tag, only a digest, and only a repository.
var (
	takesEither = []nameCall{
		{"Resolve", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := c.Resolve(ctx, r, ref)
			return err
		}},
		{"ResolveDigest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := c.ResolveDigest(ctx, r, ref)
			return err
		}},
		{"Manifest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := c.Manifest(ctx, r, ref)
			return err
		}},
		{"PutManifest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			m := &regret.Manifest{Raw: []byte(emptyImage)}
			m.Descriptor.MediaType, m.Descriptor.Digest = ociImage, digest.FromString(emptyImage)
			return c.PutManifest(ctx, r, ref, m)
		}},
	}
	takesTag = []nameCall{
		{"Untag", func(ctx context.Context, c *regret.Client, r, ref string) error { return c.Untag(ctx, r, ref) }},
	}
	takesDigest = []nameCall{
		{"DeleteManifest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			return c.DeleteManifest(ctx, r, regret.Digest(ref))
		}},
		{"Referrers", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := collect(c.Referrers(ctx, r, regret.Digest(ref)))
			return err
		}},
	}
	takesRepository = []nameCall{
		{"Tags", func(ctx context.Context, c *regret.Client, r, _ string) error {
			_, err := collect(c.Tags(ctx, r))
			return err
		}},
		{"CheckDelete", func(ctx context.Context, c *regret.Client, r, _ string) error { return c.CheckDelete(ctx, r) }},
		{"CheckUntag", func(ctx context.Context, c *regret.Client, r, _ string) error { return c.CheckUntag(ctx, r) }},
	}
)

// wantArgumentsRefused checks that the calls return ErrInvalid and send nothing.
func (s *testServer) wantArgumentsRefused(c *regret.Client, calls []nameCall, repository, reference string) {
	s.t.Helper()
	for _, call := range calls {
		e := wantErr(s.t, call.run(s.t.Context(), c, repository, reference), regret.ErrInvalid)
		if e.Attempts != 0 || e.Method != "" {
			s.t.Errorf("%s reports that it sent a %q", call.name, e.Method)
		}
	}
	s.wantRequests()
}

const (
	validDigest = "sha256:" + validHex
	validHex    = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
)

// hostileParts are strings that make a name invalid, and that could change the URL of a request.
var hostileParts = []string{
	"..", "//", "%2e%2e", "%2f", "%00", "?", "#", " ", "\t", "\r\n", "\n", "\x00", "\x7f", "\\", "@", "user:pass@", "http://", ";", "&", "=", "*",
	"|", "<", ">", "\"", "'", "`", "$", "{", "}", "[", "]", "(", ")", "^", "~", ",", "!", "+", "\u0430", "é", "\u202e", "\xff", "😀",
}

func TestThreatInvalidRepositoryNames(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", "a/../b", "../../etc/passwd", "a//b", "-a", "a/", "/a", "_catalog", ".", "..", "a/.", "A", "Team/app", "a:v1", "a@" + validDigest, "a-", "a..b",
		"a___b", "a/_b", "a/-b", ".a", "a/.b", "http://a", "//a", strings.Repeat("a", 256), strings.Repeat("a/", 128), strings.Repeat("a", 1<<20),
	}
	for _, part := range hostileParts {
		bad = append(bad, "team"+part+"app", part+"app", "team/app"+part)
	}
	eachName(t, bad, func(t *testing.T, s *testServer, name string) {
		c := s.client()
		for _, ref := range []string{"v1", validDigest} {
			s.wantArgumentsRefused(c, takesEither, name, ref)
		}
		s.wantArgumentsRefused(c, takesTag, name, "v1")
		s.wantArgumentsRefused(c, takesDigest, name, validDigest)
		s.wantArgumentsRefused(c, takesRepository, name, "")
	})
}

func TestThreatInvalidTags(t *testing.T) {
	t.Parallel()
	bad := []string{"", ".v1", "-v1", ".", "..", "../v2", "v1/../v2", "v1/", "v1/x", "v1:x", strings.Repeat("v", 129), strings.Repeat("v", 1<<20)}
	for _, part := range hostileParts {
		if part != ".." { // "v1..x" is a tag
			bad = append(bad, "v1"+part+"x")
		}
		bad = append(bad, part+"v1")
	}
	eachName(t, bad, func(t *testing.T, s *testServer, tag string) {
		c := s.client()
		s.wantArgumentsRefused(c, takesEither, repo, tag)
		s.wantArgumentsRefused(c, takesTag, repo, tag)
		s.wantArgumentsRefused(c, takesDigest, repo, tag)
	})
}

func TestThreatInvalidDigests(t *testing.T) {
	t.Parallel()
	bad := []string{
		"sha256:", ":" + validHex, "sha256:" + validHex[1:], validDigest + "0", "sha256:" + strings.ToUpper(validHex), "SHA256:" + validHex,
		"sha512:" + validHex, "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../v1", validDigest + "/../v1", "v1@" + validDigest, "sha256+b64:" + validHex,
	}
	for _, part := range hostileParts {
		bad = append(bad, validDigest+part, "sha256:"+part+validHex[:64-min(len(part), 64)], part+validDigest)
	}
	eachName(t, bad, func(t *testing.T, s *testServer, dgst string) {
		c := s.client()
		s.wantArgumentsRefused(c, takesDigest, repo, dgst)
		s.wantArgumentsRefused(c, takesEither, repo, dgst)
		s.wantArgumentsRefused(c, takesTag, repo, dgst)
	})
}

// eachName runs a scenario with each of the names.
func eachName(t *testing.T, names []string, run func(*testing.T, *testServer, string)) {
	t.Helper()
	for _, name := range names {
		t.Run(fmt.Sprintf("%.32q", name), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *testServer) { run(t, s, name) })
		})
	}
}

// Names of the maximum length are valid.
func TestThreatLongestNames(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		repository, tag := strings.Repeat("a", 255), strings.Repeat("v", 128)
		want := s.registry.PutImage(repository, "long", tag).Digest
		if dgst, err := s.client().ResolveDigest(s.ctx(), repository, tag); err != nil || dgst != want {
			t.Errorf("resolved to %s: %v", dgst, err)
		}
	})
}

func TestThreatRegistryNames(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", " ", "reg:99999", "reg:0", "reg:65536", "reg:", "reg:-1", "reg:port", "reg..x", "-reg", "reg-", "reg.", ".reg", "_reg", "reg_", "reg_x.1",
		"[::1", "::1", "[::1%25lo]", "[fe80::1%lo]:5000", "[127.0.0.1]", "[::1]x", "reg.ex\u0430mple", "bücher.example", "reg。example",
		"2130706433", "0x7f.1", "127.1", "0177.0.0.1", "256.1.1.1", "1.2.3.4.5", "user:pass@reg", "reg/path", "reg?q", "reg#f", "reg\\x",
		"reg\r\nHost: evil", "reg\x00", "ftp://reg", "file:///etc", "https://", "//reg", "https://reg/v2/", strings.Repeat("a", 64<<10),
	}
	for _, name := range bad {
		t.Run(fmt.Sprintf("%.32q", name), func(t *testing.T) {
			t.Parallel()
			countScenario(t)
			c, err := regret.New(name)
			wantErr(t, err, regret.ErrInvalid)
			if c != nil {
				t.Errorf("%q resulted in a client of %s", name, c.Registry())
			}
			if ref, err := regret.ParseReference(name + "/app:v1"); err == nil && ref.Registry == name {
				if _, err := regret.New(ref.Registry); err == nil {
					t.Errorf("%q is parsed as the registry %q", name, ref.Registry)
				}
			}
		})
	}
	for name, want := range map[string]string{
		"[::1]:5000": "http://[::1]:5000", "[2001:db8::1]": "https://[2001:db8::1]", "192.0.2.1:443": "https://192.0.2.1",
		"xn--bcher-kva.example": "https://xn--bcher-kva.example", "REG.example": "https://reg.example",
		"qual_registry:5000": "https://qual_registry:5000", "registry.service.dc_1.consul": "https://registry.service.dc_1.consul",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			countScenario(t)
			c, err := regret.New(name)
			if err != nil {
				t.Fatal(err)
			}
			if c.Registry() != want {
				t.Errorf("%q is the registry %s, want %s", name, c.Registry(), want)
			}
		})
	}
}

// Random references with a single invalid part cause no request (I14).
func TestThreatGeneratedReferences(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, s *testServer) {
		enough := 10_000
		if raceEnabled {
			enough = 500
		}
		c, random := s.client(), rand.New(rand.NewPCG(14, 2026))
		for n := 0; n < enough; n++ {
			repository, tag, dgst := drawRepository(random), drawTag(random), drawDigest(random)
			if _, err := regret.ParseReference(host + "/" + repository + ":" + tag + "@" + dgst); err != nil {
				t.Fatalf("the generated reference is invalid: %v", err)
			}
			var calls []nameCall
			reference := tag
			switch n % 3 {
			case 0:
				repository = corruptName(random, repository)
				calls = slices.Concat(takesEither, takesTag, takesRepository)
			case 1:
				tag = corruptName(random, tag)
				reference, calls = tag, slices.Concat(takesEither, takesTag)
			case 2:
				dgst = corruptName(random, dgst)
				reference, calls = dgst, slices.Concat(takesEither, takesDigest)
			}
			_, err := regret.ParseReference(host + "/" + repository + ":" + tag + "@" + dgst)
			wantErr(t, err, regret.ErrInvalid)
			wantErr(t, calls[random.IntN(len(calls))].run(t.Context(), c, repository, reference), regret.ErrInvalid)
			if t.Failed() {
				t.Fatalf("%q %q %q", repository, tag, dgst)
			}
		}
		s.wantRequests()
	})
}

// drawRepository, drawTag and drawDigest return random valid names.
func drawRepository(random *rand.Rand) string {
	var components []string
	for range 1 + random.IntN(4) {
		separator := []string{".", "_", "__", "-", "---"}[random.IntN(5)]
		components = append(components, drawFrom(random, "abcxyz0189", 1+random.IntN(8))+separator+drawFrom(random, "abcxyz0189", 1+random.IntN(8)))
	}
	return strings.Join(components, "/")
}

func drawTag(random *rand.Rand) string {
	return drawFrom(random, "abcXYZ019_", 1) + drawFrom(random, "abcXYZ019_.-", random.IntN(100))
}

func drawDigest(random *rand.Rand) string {
	return "sha256:" + drawFrom(random, "0123456789abcdef", 64)
}

func drawFrom(random *rand.Rand, letters string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(letters[random.IntN(len(letters))])
	}
	return b.String()
}

// corruptName inserts a hostile part at a random position of a name.
func corruptName(random *rand.Rand, name string) string {
	part := hostileParts[1+random.IntN(len(hostileParts)-1)] // except "..", which is valid in a tag
	at := random.IntN(len(name) + 1)
	return name[:at] + part + name[at:]
}
