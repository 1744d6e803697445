package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func TestManyCallersShareOneClientAndEachRequestIsSentOnce(t *testing.T) {
	t.Parallel()
	const callers = 16
	each(t, tokenSetup(), func(t *testing.T, s *stage) {
		images := make([]wire.Artifact, callers)
		for i := range images {
			images[i] = wire.OCIImage(t, fmt.Sprintf("image %d", i))
			s.repo.Push(t, images[i], tagOf(i))
		}
		s.repo.Push(t, wire.OCIImage(t, "bystander"), "bystander")
		c := s.client(t, s.realm(), regret.WithBasicAuth("derek", "a secret"))

		var all sync.WaitGroup
		for i := range images {
			all.Go(func() {
				dgst, err := c.ResolveDigest(t.Context(), repository, tagOf(i))
				if err != nil || dgst != images[i].Digest {
					t.Errorf("%s resolved to %q, %v; want %q", tagOf(i), dgst, err, images[i].Digest)
					return
				}
				if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()

		var want []string
		for _, image := range images {
			want = append(want, line(http.MethodDelete, image.Digest.String(), "202"))
		}
		sent := s.sent.Writes()
		slices.Sort(want)
		slices.Sort(sent)
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("other writes were sent (-want +got):\n%s", diff)
		}
		for i := range images {
			s.wantThere(t, false, tagOf(i))
		}
		s.wantThere(t, true, "bystander")
	})
}

func tagOf(i int) string { return fmt.Sprintf("v%d", i) }
