package regret_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A cell is what becomes of one operation at one registry: what it means, the requests that it takes, and what is gone
// afterwards. The zero Kind is success. Things are called by their names in the scene.
type cell struct {
	kind regret.Kind
	sent string
	gone string
}

// A row is what sets a registry apart from one that does what the specification says.
type row struct {
	profile fakeregistry.Profile
	cells   map[fakeregistry.Topic]cell
}

// Every operation, at every registry, has one outcome and sends one list of requests. What nobody knows of a registry is
// not tested, and what it does not have has no outcome.
func TestRegistries(t *testing.T) {
	t.Parallel()
	for _, row := range registryTable() {
		for topic := range row.cells {
			if e := row.profile.Evidence(topic); e == fakeregistry.Unverified || e == fakeregistry.NoSuch {
				t.Errorf("%s, %s: there is an expectation, but no evidence", row.profile.Name, topic)
			}
		}
		for _, topic := range fakeregistry.Topics() {
			want, known := row.cell(topic)
			if !known {
				continue
			}
			t.Run(row.profile.Name+"/"+string(topic), func(t *testing.T) {
				t.Parallel()
				got, err := playTopic(t, row.profile, topic)
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(cell{})); diff != "" {
					t.Errorf("(-want +got):\n%s\n%v", diff, err)
				}
				if got.kind != "" && got.kind != unclassified && !errors.Is(err, got.kind) {
					t.Errorf("errors.Is(err, %q) is false: %v", got.kind, err)
				}
			})
		}
	}
}

// cell is what is expected; not known if there is no evidence.
func (r row) cell(topic fakeregistry.Topic) (cell, bool) {
	if e := r.profile.Evidence(topic); e == fakeregistry.Unverified || e == fakeregistry.NoSuch {
		return cell{}, false
	}
	if c, ok := r.cells[topic]; ok {
		return c, true
	}
	return specified()[topic], true
}

// A scene is what the registry holds before each operation, by name.
type scene struct {
	reg    *fakeregistry.Registry
	client *regret.Client
	repo   string
	names  map[digest.Digest]string
}

// playTopic plays one operation at one registry, inside a bubble of time.
func playTopic(t *testing.T, p fakeregistry.Profile, topic fakeregistry.Topic) (got cell, err error) {
	synctest.Test(t, func(t *testing.T) {
		s, start := newScene(t, p, topic), time.Now()
		err = s.play(t, topic)
		got = cell{sent: s.sent(), gone: s.gone()}
		if took := time.Since(start); took > 0 {
			got.sent += " in " + took.String()
		}
		if e, ok := errors.AsType[*regret.Error](err); ok {
			got.kind = e.Kind
		}
		if err != nil && got.kind == "" {
			got.kind = unclassified
		}
	})
	return got, err
}

// unclassified is an error whose meaning the answer does not tell.
const unclassified regret.Kind = "unclassified"

func newScene(t *testing.T, p fakeregistry.Profile, topic fakeregistry.Topic) *scene {
	t.Helper()
	var overlays []fakeregistry.Option
	var opts []regret.Option
	switch topic {
	case fakeregistry.TopicForbidden:
		overlays = append(overlays, p.WithUser("user", "password", "pull"))
		opts = append(opts, regret.WithBasicAuth("user", "password"))
	case fakeregistry.TopicImmutable:
		overlays = append(overlays, fakeregistry.WithImmutableTags("v1"))
	case fakeregistry.TopicReadOnly:
		overlays = append(overlays, fakeregistry.WithReadOnly())
	case fakeregistry.TopicDisabled, fakeregistry.TopicDisabledTag:
		overlays = append(overlays, fakeregistry.WithDeleteDisabled())
	case fakeregistry.TopicThrottled:
		overlays = append(overlays, fakeregistry.WithThrottledDeletes(1))
	}
	registry, name := p.Host, repo
	if registry == "" {
		registry = host
	}
	s := &scene{reg: p.New(overlays...), repo: name, names: map[digest.Digest]string{}}
	s.names[s.reg.PutImage(name, "image", "v1", "v2").Digest] = "image"
	s.names[s.reg.PutIndex(name, []string{"amd64", "arm64"}, "multi").Digest] = "index"
	s.names[s.reg.PutImage(name, "amd64").Digest] = "child"
	s.names[s.reg.PutImage(name, "arm64").Digest] = "sibling"
	s.names[s.reg.PutImage(name, "lone").Digest] = "lone"
	s.client = newClientOf(t, registry, s.reg, opts...)
	return s
}

func (s *scene) digest(name string) regret.Digest {
	for dgst, known := range s.names {
		if known == name {
			return dgst
		}
	}
	return ""
}

// play does what a topic is about.
func (s *scene) play(t *testing.T, topic fakeregistry.Topic) error {
	t.Helper()
	ctx, c := t.Context(), s.client
	switch topic {
	case fakeregistry.TopicResolve:
		for tag, name := range map[string]string{"v1": "image", "multi": "index"} {
			dgst, err := c.ResolveDigest(ctx, s.repo, tag)
			if err != nil || dgst != s.digest(name) {
				return fmt.Errorf("%s is %s: %w", tag, dgst, err)
			}
		}
		s.reg.ResetLog()
		_, err := c.ResolveDigest(ctx, s.repo, "multi")
		return err
	case fakeregistry.TopicList:
		return s.list(t)
	case fakeregistry.TopicUntag, fakeregistry.TopicDisabledTag:
		return c.Untag(ctx, s.repo, "v1")
	case fakeregistry.TopicUntagged, fakeregistry.TopicThrottled:
		return c.DeleteManifest(ctx, s.repo, s.digest("lone"))
	case fakeregistry.TopicChild:
		return c.DeleteManifest(ctx, s.repo, s.digest("child"))
	case fakeregistry.TopicIndex:
		return c.DeleteManifest(ctx, s.repo, s.digest("index"))
	case fakeregistry.TopicTwice:
		if err := c.DeleteManifest(ctx, s.repo, s.digest("image")); err != nil {
			if err := c.DeleteManifest(ctx, s.repo, s.digest("lone")); err != nil {
				return err
			}
			s.reg.ResetLog()
			return c.DeleteManifest(ctx, s.repo, s.digest("lone"))
		}
		s.reg.ResetLog()
		return c.DeleteManifest(ctx, s.repo, s.digest("image"))
	case fakeregistry.TopicMissing:
		return errors.Join(c.CheckDelete(ctx, s.repo), c.CheckDelete(ctx, "team/unknown"))
	}
	return c.DeleteManifest(ctx, s.repo, s.digest("image"))
}

// list wants every tag of more than a page of some registries.
func (s *scene) list(t *testing.T) error {
	t.Helper()
	for i := range 120 {
		s.reg.SetTag(s.repo, fmt.Sprintf("w%03d", i), s.digest("image"))
	}
	n := 0
	for _, err := range s.client.Tags(t.Context(), s.repo) {
		if err != nil {
			return err
		}
		n++
	}
	if n != 123 {
		return fmt.Errorf("%d tags instead of 123", n)
	}
	return nil
}

// sent are the requests, in short.
func (s *scene) sent() string {
	var lines []string
	for _, r := range s.reg.Requests() {
		what := r.Path[strings.LastIndexByte(r.Path, '/')+1:]
		if dgst := digest.Digest(what); dgst.Validate() == nil {
			what = s.names[dgst]
			if what == "" {
				what = "nobody"
			}
		}
		if strings.HasSuffix(r.Path, "/tags/list") {
			what = "tags"
		}
		line := fmt.Sprintf("%s %s %d", r.Method, what, r.Status)
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// gone is what the scene lacks.
func (s *scene) gone() string {
	var gone []string
	for _, name := range []string{"image", "index", "child", "sibling", "lone"} {
		if !s.reg.HasManifest(s.repo, s.digest(name)) {
			gone = append(gone, name)
		}
	}
	for _, tag := range []string{"v1", "v2", "multi"} {
		if _, there := s.reg.Tag(s.repo, tag); !there {
			gone = append(gone, tag)
		}
	}
	return strings.Join(gone, " ")
}
