package regret_test

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestDeleteManifestResolvesUnknownDigestsFirst(t *testing.T) {
	t.Parallel()
	t.Run("after ResolveDigest one DELETE is enough", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		want := reg.PutImage(repo, "hello", "v1").Digest
		c := newClient(t, reg)
		dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
		wantErr(t, err)
		wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
		wantRequests(t, reg, requestLine("HEAD", "v1", 200), requestLine("DELETE", want, 202))
	})
	t.Run("after Manifest one DELETE is enough", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		want := reg.PutImage(repo, "hello", "v1").Digest
		c := newClient(t, reg)
		_, err := c.Manifest(t.Context(), repo, string(want))
		wantErr(t, err)
		reg.ResetLog()
		wantErr(t, c.DeleteManifest(t.Context(), repo, want))
		wantRequests(t, reg, requestLine("DELETE", want, 202))
	})
	t.Run("an unknown digest is resolved first", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		want := reg.PutImage(repo, "hello", "v1").Digest
		wantErr(t, newClient(t, reg).DeleteManifest(t.Context(), repo, want))
		wantRequests(t, reg, requestLine("HEAD", want, 200), requestLine("DELETE", want, 202))
	})
	t.Run("a digest known from another repository is resolved first", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		want := reg.PutImage(repo, "hello", "v1").Digest
		reg.PutImage("team/other", "hello", "v1")
		c := newClient(t, reg)
		_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
		wantErr(t, err)
		reg.ResetLog()
		wantErr(t, c.DeleteManifest(t.Context(), repo, want))
		wantRequests(t, reg, requestLine("HEAD", want, 200), requestLine("DELETE", want, 202))
	})
}

func TestDeleteManifestDeletesOnlyTheRequestedDigest(t *testing.T) {
	t.Parallel()
	t.Run("a tag whose header and content disagree is not deleted", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New(fakeregistry.WithHeadStatus(http.StatusNotFound))
		reg.PutImage(repo, "a", "v1")
		b := reg.PutImage(repo, "b")
		reg.Intercept(0, fakeregistry.On("GET", "/v2/"), altered(reg, digestHeader(string(b.Digest))))
		c := newClient(t, reg)
		dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrDigestMismatch)
		wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), regret.ErrInvalid)
		if writes := reg.Writes(); len(writes) > 0 {
			t.Errorf("unexpected writes: %v", writes)
		}
	})
	t.Run("nothing is deleted if the response has another digest", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		a, b := reg.PutImage(repo, "a", "v1"), reg.PutImage(repo, "b")
		reg.Intercept(0, fakeregistry.On("HEAD", "/v2/"), altered(reg, digestHeader(string(b.Digest))))
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, a.Digest)
		e := wantErr(t, err, regret.ErrDigestMismatch)
		if e.Op != "delete manifest" || e.Method != "HEAD" {
			t.Errorf("error has unexpected fields: %+v", e)
		}
		wantRequests(t, reg, requestLine("HEAD", a.Digest, 200))
	})
	t.Run("the resolved digest is deleted even if the tag was moved", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		a := reg.PutImage(repo, "a", "v1")
		c := newClient(t, reg)
		dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
		wantErr(t, err)
		b := reg.PutImage(repo, "b", "v1")
		wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
		if reg.HasManifest(repo, a.Digest) || !reg.HasManifest(repo, b.Digest) {
			t.Error("the resolved digest is not gone, or another one is")
		}
		wantRequests(t, reg, requestLine("HEAD", "v1", 200), requestLine("DELETE", a.Digest, 202))
	})
}

func TestDeleteManifestDeletesNoLayer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		opts []fakeregistry.Option
		want []error
		sent string
	}{
		{"at a registry that would delete the layer nothing is deleted", []fakeregistry.Option{fakeregistry.WithBlobDigestDelete()},
			[]error{regret.ErrNotFound, regret.CodeManifestUnknown}, "HEAD 404, GET 404"},
		{"at distribution 2 the look-up fails with 500", []fakeregistry.Option{fakeregistry.WithDistribution2()},
			[]error{regret.ErrUnavailable}, "HEAD 500, HEAD 500, HEAD 500, HEAD 500"},
		{"at a registry that distinguishes layers the digest is not found", nil,
			[]error{regret.ErrNotFound, regret.CodeManifestUnknown}, "HEAD 404, GET 404"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, c, dgst := seen(t, test.opts...)
			layer := reg.PutBlob(repo, []byte("hello")).Digest
			err := c.DeleteManifest(t.Context(), repo, layer)
			e := wantErr(t, err, test.want...)
			if e.Op != "delete manifest" {
				t.Errorf("operation %q, want delete manifest", e.Op)
			}
			if !reg.HasBlob(repo, layer) || !reg.HasManifest(repo, dgst) {
				t.Error("the layer or the image is gone")
			}
			wantMethods(t, reg, layer, test.sent)
		})
	}
}

func TestDeleteManifestResolvesADigestAgainAfterItsDeletion(t *testing.T) {
	t.Parallel()
	reg, c, dgst := seen(t)
	wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
	wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), regret.ErrNotFound)
	wantMethods(t, reg, dgst, "DELETE 202, HEAD 404, GET 404")
}
