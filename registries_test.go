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

// A cell is the outcome of one operation at one registry. Manifests have the names that the scene
// gives them.
type cell struct {
	kind regret.Kind // empty for success
	sent string      // the requests
	gone string      // manifests and tags that are gone afterwards
}

// A row lists the outcomes at a registry that differ from those at a registry that follows the
// specification.
type row struct {
	profile fakeregistry.Profile
	cells   map[fakeregistry.Topic]cell
}

// Every operation has the expected outcome at every registry and sends the expected requests.
// Topics without evidence, and features that a registry does not have, are not tested.
func TestRegistriesHaveTheExpectedOutcomes(t *testing.T) {
	t.Parallel()
	for _, row := range registryTable() {
		for topic := range row.cells {
			if e := row.profile.Evidence(topic); e == fakeregistry.Unverified || e == fakeregistry.NoSuch {
				t.Errorf("%s, %s: the table has an outcome, but the profile has no evidence", row.profile.Name, topic)
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

// cell returns the expected outcome, or false if there is no evidence for it.
func (r row) cell(topic fakeregistry.Topic) (cell, bool) {
	if e := r.profile.Evidence(topic); e == fakeregistry.Unverified || e == fakeregistry.NoSuch {
		return cell{}, false
	}
	if c, ok := r.cells[topic]; ok {
		return c, true
	}
	return specified()[topic], true
}

// A scene is a registry with the same content before each operation, and a client of it.
type scene struct {
	reg    *fakeregistry.Registry
	client *regret.Client
	repo   string
	names  map[digest.Digest]string // names of the manifests
}

// playTopic runs one operation at one registry, in a synctest bubble.
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

// unclassified represents an error without a kind.
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

// play runs the operation of a topic.
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
	case fakeregistry.TopicMissingTag:
		return c.CheckUntag(ctx, s.repo)
	}
	return c.DeleteManifest(ctx, s.repo, s.digest("image"))
}

// list expects the complete list of more tags than some registries put on one page.
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

// sent returns the requests in short form.
func (s *scene) sent() string {
	var lines []string
	for _, r := range s.reg.Requests() {
		what := r.Path[strings.LastIndexByte(r.Path, '/')+1:]
		if dgst := digest.Digest(what); dgst.Validate() == nil {
			what = s.names[dgst]
			if what == "" {
				what = "unknown"
			}
		}
		if strings.HasPrefix(what, "regret-check-") {
			what = "nothing"
		}
		if strings.HasSuffix(r.Path, "/tags/list") {
			what = "tags"
		}
		line := fmt.Sprintf("%s %s %d", r.Method, what, r.Status)
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// gone returns the names of the manifests and tags that are gone.
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
