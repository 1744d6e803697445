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

func TestConcurrentCallersSendEachDeletionOnce(t *testing.T) {
	t.Parallel()
	const callers = 16
	forEachRegistry(t, tokenSetup(), func(t *testing.T, f *fixture) {
		images := make([]wire.Artifact, callers)
		for i := range images {
			images[i] = wire.OCIImage(t, fmt.Sprintf("image %d", i))
			f.repo.Push(t, images[i], tagOf(i))
		}
		f.repo.Push(t, wire.OCIImage(t, "bystander"), "bystander")
		c := f.client(t, f.trustTokenService(), regret.WithBasicAuth("derek", "a secret"))

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
			want = append(want, manifestRequest(http.MethodDelete, image.Digest.String(), "202"))
		}
		sent := f.recorder.Writes()
		slices.Sort(want)
		slices.Sort(sent)
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("writes sent (-want +got):\n%s", diff)
		}
		for i := range images {
			f.wantExists(t, false, tagOf(i))
		}
		f.wantExists(t, true, "bystander")
	})
}

func tagOf(i int) string { return fmt.Sprintf("v%d", i) }
