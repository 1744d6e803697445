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

// A call is a method that names something; which of its arguments are bad,
// the case says.
type call struct {
	name string
	run  func(ctx context.Context, c *regret.Client, repository, reference string) error
}

// What takes a tag or a digest, a tag, a digest, or a repository alone.
var (
	takesEither = []call{
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
	takesTag = []call{
		{"Untag", func(ctx context.Context, c *regret.Client, r, ref string) error { return c.Untag(ctx, r, ref) }},
	}
	takesDigest = []call{
		{"DeleteManifest", func(ctx context.Context, c *regret.Client, r, ref string) error {
			return c.DeleteManifest(ctx, r, regret.Digest(ref))
		}},
		{"Referrers", func(ctx context.Context, c *regret.Client, r, ref string) error {
			_, err := collect(c.Referrers(ctx, r, regret.Digest(ref)))
			return err
		}},
	}
	takesRepository = []call{
		{"Tags", func(ctx context.Context, c *regret.Client, r, _ string) error {
			_, err := collect(c.Tags(ctx, r))
			return err
		}},
		{"CheckDelete", func(ctx context.Context, c *regret.Client, r, _ string) error { return c.CheckDelete(ctx, r) }},
	}
)

// refuse wants calls to refuse their arguments and not to send anything.
func (s *stage) refuse(c *regret.Client, calls []call, repository, reference string) {
	s.t.Helper()
	for _, call := range calls {
		e := wantErr(s.t, call.run(s.t.Context(), c, repository, reference), regret.ErrInvalid)
		if e.Attempts != 0 || e.Method != "" {
			s.t.Errorf("%s says that it sent %s", call.name, e.Method)
		}
	}
	s.wantRequests()
}

const (
	aDigest   = "sha256:" + sixtyFour
	sixtyFour = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
)

// hostile is what breaks out of a name, wherever it stands in one.
var hostile = []string{
	"..", "//", "%2e%2e", "%2f", "%00", "?", "#", " ", "\t", "\r\n", "\n", "\x00", "\x7f", "\\", "@", "user:pass@", "http://", ";", "&", "=", "*",
	"|", "<", ">", "\"", "'", "`", "$", "{", "}", "[", "]", "(", ")", "^", "~", ",", "!", "+", "\u0430", "é", "\u202e", "\xff", "😀",
}

func TestThreatRepositoryNames(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", "a/../b", "../../etc/passwd", "a//b", "-a", "a/", "/a", "_catalog", ".", "..", "a/.", "A", "Team/app", "a:v1", "a@" + aDigest, "a-", "a..b",
		"a___b", "a/_b", "a/-b", ".a", "a/.b", "http://a", "//a", strings.Repeat("a", 256), strings.Repeat("a/", 128), strings.Repeat("a", 1<<20),
	}
	for _, part := range hostile {
		bad = append(bad, "team"+part+"app", part+"app", "team/app"+part)
	}
	eachName(t, bad, func(t *testing.T, s *stage, name string) {
		c := s.client()
		for _, ref := range []string{"v1", aDigest} {
			s.refuse(c, takesEither, name, ref)
		}
		s.refuse(c, takesTag, name, "v1")
		s.refuse(c, takesDigest, name, aDigest)
		s.refuse(c, takesRepository, name, "")
	})
}

func TestThreatTags(t *testing.T) {
	t.Parallel()
	bad := []string{"", ".v1", "-v1", ".", "..", "../v2", "v1/../v2", "v1/", "v1/x", "v1:x", strings.Repeat("v", 129), strings.Repeat("v", 1<<20)}
	for _, part := range hostile {
		if part != ".." { // "v1..x" is a tag
			bad = append(bad, "v1"+part+"x")
		}
		bad = append(bad, part+"v1")
	}
	eachName(t, bad, func(t *testing.T, s *stage, tag string) {
		c := s.client()
		s.refuse(c, takesEither, repo, tag)
		s.refuse(c, takesTag, repo, tag)
		s.refuse(c, takesDigest, repo, tag)
	})
}

func TestThreatDigests(t *testing.T) {
	t.Parallel()
	bad := []string{
		"sha256:", ":" + sixtyFour, "sha256:" + sixtyFour[1:], aDigest + "0", "sha256:" + strings.ToUpper(sixtyFour), "SHA256:" + sixtyFour,
		"sha512:" + sixtyFour, "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../v1", aDigest + "/../v1", "v1@" + aDigest, "sha256+b64:" + sixtyFour,
	}
	for _, part := range hostile {
		bad = append(bad, aDigest+part, "sha256:"+part+sixtyFour[:64-min(len(part), 64)], part+aDigest)
	}
	eachName(t, bad, func(t *testing.T, s *stage, dgst string) {
		c := s.client()
		s.refuse(c, takesDigest, repo, dgst)
		s.refuse(c, takesEither, repo, dgst)
		s.refuse(c, takesTag, repo, dgst)
	})
}

// eachName plays a scenario with each of some names.
func eachName(t *testing.T, names []string, play func(*testing.T, *stage, string)) {
	t.Helper()
	for _, name := range names {
		t.Run(fmt.Sprintf("%.32q", name), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *stage) { play(t, s, name) })
		})
	}
}

// The longest names that there may be are names.
func TestThreatNamesAtTheirLimits(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
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
		"", " ", "reg:99999", "reg:0", "reg:65536", "reg:", "reg:-1", "reg:port", "reg..x", "-reg", "reg-", "reg.", ".reg", "reg_x",
		"[::1", "::1", "[::1%25lo]", "[fe80::1%lo]:5000", "[127.0.0.1]", "[::1]x", "reg.ex\u0430mple", "bücher.example", "reg。example",
		"2130706433", "0x7f.1", "127.1", "0177.0.0.1", "256.1.1.1", "1.2.3.4.5", "user:pass@reg", "reg/path", "reg?q", "reg#f", "reg\\x",
		"reg\r\nHost: evil", "reg\x00", "ftp://reg", "file:///etc", "https://", "//reg", "https://reg/v2/", strings.Repeat("a", 64<<10),
	}
	for _, name := range bad {
		t.Run(fmt.Sprintf("%.32q", name), func(t *testing.T) {
			t.Parallel()
			scenario(t)
			c, err := regret.New(name)
			wantErr(t, err, regret.ErrInvalid)
			if c != nil {
				t.Errorf("%q made a client of %s", name, c.Registry())
			}
			if ref, err := regret.ParseReference(name + "/app:v1"); err == nil && ref.Registry == name {
				if _, err := regret.New(ref.Registry); err == nil {
					t.Errorf("%q is read as the registry %q", name, ref.Registry)
				}
			}
		})
	}
	for name, want := range map[string]string{
		"[::1]:5000": "http://[::1]:5000", "[2001:db8::1]": "https://[2001:db8::1]", "192.0.2.1:443": "https://192.0.2.1",
		"xn--bcher-kva.example": "https://xn--bcher-kva.example", "REG.example": "https://reg.example",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t)
			c, err := regret.New(name)
			if err != nil {
				t.Fatal(err)
			}
			if c.Registry() != want {
				t.Errorf("%q is %s, want %s", name, c.Registry(), want)
			}
		})
	}
}

// Ten thousand references that are good but for one place, and nothing is ever
// sent (I14).
func TestThreatGeneratedReferences(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, s *stage) {
		enough := 10_000
		if raced {
			enough = 500
		}
		c, random := s.client(), rand.New(rand.NewPCG(14, 2026))
		for n := 0; n < enough; n++ {
			repository, tag, dgst := drawRepository(random), drawTag(random), drawDigest(random)
			if _, err := regret.ParseReference(host + "/" + repository + ":" + tag + "@" + dgst); err != nil {
				t.Fatalf("what is to be spoilt is no reference: %v", err)
			}
			var calls []call
			reference := tag
			switch n % 3 {
			case 0:
				repository = spoilt(random, repository)
				calls = slices.Concat(takesEither, takesTag, takesRepository)
			case 1:
				tag = spoilt(random, tag)
				reference, calls = tag, slices.Concat(takesEither, takesTag)
			case 2:
				dgst = spoilt(random, dgst)
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

// drawRepository, drawTag and drawDigest draw names that fit the grammar.
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

// spoilt puts something hostile anywhere into a name.
func spoilt(random *rand.Rand, name string) string {
	part := hostile[1+random.IntN(len(hostile)-1)] // but "..", which a tag may have
	at := random.IntN(len(name) + 1)
	return name[:at] + part + name[at:]
}
