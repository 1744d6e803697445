package regret_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// seen returns a registry with one image under two tags, and a client that has resolved it. The log
// is empty.
func seen(t *testing.T, opts ...fakeregistry.Option) (*fakeregistry.Registry, *regret.Client, regret.Digest) {
	t.Helper()
	reg := fakeregistry.New(opts...)
	dgst := reg.PutImage(repo, "hello", "v1", "latest").Digest
	c := newClient(t, reg)
	_, err := c.ResolveDigest(t.Context(), repo, "v1")
	wantErr(t, err)
	reg.ResetLog()
	return reg, c, dgst
}

// methods returns the methods and statuses of the logged requests.
func methods(t *testing.T, reg *fakeregistry.Registry) string {
	t.Helper()
	var sent []string
	for _, line := range requests(t, reg) {
		method, rest, _ := strings.Cut(line, " ")
		_, status, _ := strings.Cut(rest, " ")
		sent = append(sent, method+" "+status)
	}
	return strings.Join(sent, ", ")
}

// wantMethods compares the methods and statuses of the logged requests, which must all be for one
// tag or digest.
func wantMethods[T ~string](t *testing.T, reg *fakeregistry.Registry, reference T, want string) {
	t.Helper()
	if diff := cmp.Diff(want, methods(t, reg)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for _, r := range reg.Requests() {
		if r.Path != manifestPath(reference) {
			t.Errorf("request for another manifest: %s", r)
		}
	}
}

func TestDeleteManifestRemovesItsTags(t *testing.T) {
	t.Parallel()
	reg, c, dgst := seen(t)
	other := reg.PutImage(repo, "other", "v2").Digest
	wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
	if reg.HasManifest(repo, dgst) || !reg.HasManifest(repo, other) {
		t.Error("the manifest is not gone, or another one is")
	}
	if diff := cmp.Diff(map[string]regret.Digest{"v2": other}, reg.Tags(repo)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	wantRequests(t, reg, requestLine("DELETE", dgst, 202))
}

func TestDeleteManifestKeepsTheChildrenOfAnIndex(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	index := reg.PutIndex(repo, []string{"a", "b"}, "v1").Digest
	child := reg.PutImage(repo, "a").Digest
	wantErr(t, newClient(t, reg).DeleteManifest(t.Context(), repo, index))
	if reg.HasManifest(repo, index) || !reg.HasManifest(repo, child) {
		t.Error("the index is not gone, or its child is")
	}
}

func TestDeleteManifestReportsARefusal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		opt  fakeregistry.Option
		want error
		says []string
	}{
		{"deletion is disabled", fakeregistry.WithDeleteDisabled(), regret.ErrDeleteDisabled,
			[]string{"storage.delete.enabled: true", "REGISTRY_STORAGE_DELETE_ENABLED=true", "pull-through cache", "UNSUPPORTED"}},
		{"the registry is read-only", fakeregistry.WithReadOnly(), regret.ErrReadOnly, []string{"maintenance"}},
		{"an index refers to the manifest", fakeregistry.WithChildProtection(), regret.ErrReferenced, []string{"DENIED"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, c, dgst := seen(t, test.opt)
			reg.PutIndex(repo, []string{"hello"})
			err := c.DeleteManifest(t.Context(), repo, dgst)
			e := wantErr(t, err, test.want)
			wantText(t, err, test.says...)
			if e.Attempts != 1 || e.StatusCode != 405 {
				t.Errorf("error has unexpected fields: %+v", e)
			}
			wantMethods(t, reg, dgst, "DELETE 405")
			if !reg.HasManifest(repo, dgst) {
				t.Error("the manifest is gone")
			}
		})
	}
}
