package regret_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// TestConcurrentOperations calls every operation concurrently, for the race detector. The
// client deletes only what the callers request.
func TestConcurrentOperations(t *testing.T) {
	t.Parallel()
	p := newPlatform(fakeregistry.WithJWT())
	c := p.client(t)
	names := func(i int) (name, tag string) { return fmt.Sprintf("team/app-%d", i%8), fmt.Sprintf("t%d", i) }
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			name, tag := names(i)
			image := p.registry.PutImage(name, tag, tag)
			if i%16 == 0 {
				p.tokens.RevokeAll()
			}
			m, err := c.Manifest(t.Context(), name, tag)
			wantSuccessOrUnauthorized(t, err)
			if err == nil {
				wantSuccessOrUnauthorized(t, c.PutManifest(t.Context(), name, tag+"-again", m))
			}
			_, err = collect(t, c.Tags(t.Context(), name))
			wantSuccessOrUnauthorized(t, err)
			_, err = collect(t, c.Referrers(t.Context(), name, image.Digest))
			wantSuccessOrUnauthorized(t, err)
			_, err = collect(t, c.Repositories(t.Context()))
			wantSuccessOrUnauthorized(t, err)
			wantSuccessOrUnauthorized(t, c.Ping(t.Context()))
			wantSuccessOrUnauthorized(t, c.CheckDelete(t.Context(), name))
			wantSuccessOrUnauthorized(t, c.CheckUntag(t.Context(), name))
			wantSuccessOrUnauthorized(t, c.Untag(t.Context(), name, tag))
			wantSuccessOrUnauthorized(t, c.DeleteManifest(t.Context(), name, image.Digest))
		})
	}
	wg.Wait()
	requested := map[string]bool{}
	for i := range 64 {
		name, tag := names(i)
		requested["/v2/"+name+"/manifests/"+tag] = true
	}
	for _, r := range p.registry.Writes() {
		if r.Method == http.MethodDelete && !requested[r.Path] && !strings.Contains(r.Path, "/manifests/sha256:") && !strings.Contains(r.Path, "/manifests/regret-check-") {
			t.Errorf("no caller requested %s", r)
		}
	}
}

// wantSuccessOrUnauthorized allows for a token that was revoked between its request and its
// use. The client does not request another one then.
func wantSuccessOrUnauthorized(t testing.TB, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, regret.ErrUnauthorized) {
		t.Errorf("unexpected error: %v", err)
	}
}

// A crowd is many concurrent callers of one client. It records the deletions that they
// request.
type crowd struct {
	*platform
	client    *regret.Client
	round     int
	mu        sync.Mutex
	requested map[string]bool // paths
}

const (
	crowdCallers = 64
	crowdRepos   = 4
	crowdRounds  = 5
)

// TestConcurrentCallersOfOneClient lets 64 callers resolve, read, list, untag and delete, on
// few and on many processors, while tokens are revoked and every 40th request gets a 429.
// The client deletes exactly what the callers request, and fetches at most two tokens per
// repository. The test is not parallel, because GOMAXPROCS is global.
func TestConcurrentCallersOfOneClient(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, processors := range []int{2, 4, 16} {
		t.Run(fmt.Sprint(processors, " processors"), func(t *testing.T) {
			runtime.GOMAXPROCS(processors)
			p := newPlatform(fakeregistry.WithJWT())
			var requests atomic.Int64
			p.registry.Intercept(0, fakeregistry.On("", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
				return requests.Add(1)%40 == 0 && fakeregistry.Errors(429, "TOOMANYREQUESTS", "try again later")(w, req)
			})
			w := &crowd{platform: p, client: p.client(t), requested: map[string]bool{}}
			for w.round = range crowdRounds {
				w.runRound(t)
			}
		})
	}
}

func crowdRepo(i int) string { return fmt.Sprintf("crowd/app-%d", i%crowdRepos) }

// runRound starts all callers once, after all tokens were revoked, and checks what they
// deleted.
func (w *crowd) runRound(t *testing.T) {
	images := make([]regret.Digest, crowdCallers)
	for i := range images {
		tag := fmt.Sprintf("r%d-t%d", w.round, i)
		images[i] = w.registry.PutImage(crowdRepo(i), tag, tag, tag+"-too").Digest
	}
	w.tokens.RevokeAll()
	w.tokens.ResetLog()
	w.registry.ResetLog()
	clear(w.requested)
	var all sync.WaitGroup
	for i := range images {
		all.Go(func() { w.runCaller(t, i, images[i]) })
	}
	all.Wait()

	for i, image := range images {
		tags := w.registry.Tags(crowdRepo(i))
		tag := fmt.Sprintf("r%d-t%d", w.round, i)
		_, first := tags[tag]
		_, second := tags[tag+"-too"]
		there := w.registry.HasManifest(crowdRepo(i), image)
		if deletes := i%2 == 0; first || second == deletes || there == deletes {
			t.Errorf("caller %d: removed tag exists: %t, second tag exists: %t, image exists: %t", i, first, second, there)
		}
	}
	sent := map[string]bool{}
	for _, r := range w.registry.Writes() {
		if r.Method != http.MethodDelete || !w.requested[r.Path] {
			t.Errorf("no caller requested %s", r)
		}
		if r.Header.Get("Authorization") != "" && r.Status == http.StatusAccepted {
			sent[r.Path] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(w.requested)), slices.Sorted(maps.Keys(sent))); diff != "" {
		t.Errorf("deleted (-requested +sent):\n%s", diff)
	}
	fetched := map[string]int{}
	for _, scope := range scopes(w.tokens) {
		name, _, _ := strings.Cut(strings.TrimPrefix(scope, "repository:"), ":")
		fetched[name]++
	}
	for name, n := range fetched {
		if n > 2 { // a read and a deletion may request tokens at the same time
			t.Errorf("%d tokens for %s, want at most 2", n, name)
		}
	}
	if len(fetched) != crowdRepos {
		t.Errorf("tokens for %v, want %d repositories", fetched, crowdRepos)
	}
}

// runCaller is one caller. It removes one tag, and every second caller deletes the image.
func (w *crowd) runCaller(t *testing.T, i int, image regret.Digest) {
	ctx, name, tag := t.Context(), crowdRepo(i), fmt.Sprintf("r%d-t%d", w.round, i)
	w.addRequested("/v2/" + name + "/manifests/" + tag)
	got, err := w.client.ResolveDigest(ctx, name, tag)
	if wantErr(t, err); got != image {
		t.Errorf("%s is %s, want %s", tag, got, image)
	}
	m, err := w.client.Manifest(ctx, name, tag)
	if wantErr(t, err); m != nil && m.Descriptor.Digest != image {
		t.Errorf("%s is %s, want %s", tag, m.Descriptor.Digest, image)
	}
	wantErr(t, w.client.Untag(ctx, name, tag))
	if _, err := w.client.ResolveDigest(ctx, name, tag); !errors.Is(err, regret.ErrNotFound) {
		t.Errorf("resolving %s after its removal: %v, want not found", tag, err)
	}
	for listed, err := range w.client.Tags(ctx, name) {
		if wantSuccessOrIncompleteList(t, err); listed == tag {
			t.Errorf("%s is still listed", tag)
		}
	}
	if i%2 == 0 {
		w.addRequested("/v2/" + name + "/manifests/" + string(image))
		wantErr(t, w.client.DeleteManifest(ctx, name, image))
	}
}

// wantSuccessOrIncompleteList allows for a list that changed while it was read.
func wantSuccessOrIncompleteList(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, regret.ErrIncompleteList) {
		t.Errorf("unexpected error: %v", err)
	}
}

func (w *crowd) addRequested(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requested[path] = true
}
