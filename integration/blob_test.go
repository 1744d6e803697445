package integration_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
)

const config = `{"architecture":"amd64","os":"linux"}`

var configDigest = digest.FromString(config)

// forEachWritableRegistry runs a test against both versions of distribution and olareg.
func forEachWritableRegistry(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			test(t, newFixture(t, kind, registry.Setup{}))
		})
	}
}

func blobRequest(method string, dgst digest.Digest, outcome string) string {
	return method + " /v2/" + repository + "/blobs/" + dgst.String() + " " + outcome
}

// methods returns the methods and outcomes of the requests sent since the last check.
func (f *fixture) methods() string {
	var short []string
	for _, line := range f.recorder.Sent() {
		words := strings.Fields(line)
		short = append(short, words[0]+" "+words[len(words)-1])
	}
	return strings.Join(short, ", ")
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	forEachWritableRegistry(t, func(t *testing.T, f *fixture) {
		c := f.client(t)
		has, err := c.HasBlob(t.Context(), repository, configDigest)
		if has || err != nil {
			t.Errorf("before the repository exists: %t, %v", has, err)
		}
		if _, err := c.Blob(t.Context(), repository, configDigest, 1<<20); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("before the repository exists: %v", err)
		}
		f.recorder.Sent()

		if err := c.PutBlob(t.Context(), repository, configDigest, []byte(config)); err != nil {
			t.Fatal(err)
		}
		if got := f.methods(); got != "HEAD 404, POST 202, PUT 201" {
			t.Errorf("sent %q", got)
		}
		if err := c.PutBlob(t.Context(), repository, configDigest, []byte(config)); err != nil {
			t.Error(err)
		}
		if has, err = c.HasBlob(t.Context(), repository, configDigest); !has || err != nil {
			t.Errorf("a stored blob: %t, %v", has, err)
		}
		raw, err := c.Blob(t.Context(), repository, configDigest, int64(len(config)))
		if string(raw) != config || err != nil {
			t.Errorf("read %q, %v", raw, err)
		}
		f.wantSent(t, blobRequest("HEAD", configDigest, "200"), blobRequest("HEAD", configDigest, "200"), blobRequest("GET", configDigest, "200"))

		if _, err := c.Blob(t.Context(), repository, configDigest, 10); !errors.Is(err, regret.ErrTooLarge) {
			t.Errorf("a small limit: %v", err)
		}
		other := digest.FromString("other")
		f.recorder.Sent()
		if has, err := c.HasBlob(t.Context(), repository, other); has || err != nil {
			t.Errorf("an unknown blob: %t, %v", has, err)
		}
		f.wantSent(t, blobRequest("HEAD", other, "404"), blobRequest("GET", other, "404"))
		for _, data := range []string{"", "{}", strings.Repeat("a", 1<<20)} {
			dgst := digest.FromString(data)
			if err := c.PutBlob(t.Context(), repository, dgst, []byte(data)); err != nil {
				t.Errorf("%d bytes: %v", len(data), err)
			}
			if raw, err := c.Blob(t.Context(), repository, dgst, 1<<20); string(raw) != data || err != nil {
				t.Errorf("%d bytes: read %d, %v", len(data), len(raw), err)
			}
			if has, err := c.HasBlob(t.Context(), repository, dgst); !has || err != nil {
				t.Errorf("%d bytes: %t, %v", len(data), has, err)
			}
		}
	})
}

func TestPutBlobAfterAFault(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  func(f *fixture)
		want string
	}{
		"the response to the POST is lost": {func(f *fixture) { f.recorder.LoseAnswer(http.MethodPost) }, "HEAD 404, POST lost, POST 202, PUT 201"},
		"the response to the PUT is lost":  {func(f *fixture) { f.recorder.LoseAnswer(http.MethodPut) }, "HEAD 404, POST 202, PUT lost, HEAD 200"},
		"the POST is lost":                 {func(f *fixture) { f.recorder.DropRequest(http.MethodPost) }, "HEAD 404, POST dropped, POST 202, PUT 201"},
		"the PUT is lost": {func(f *fixture) { f.recorder.DropRequest(http.MethodPut) },
			"HEAD 404, POST 202, PUT dropped, HEAD 404, GET 404, POST 202, PUT 201"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forEachWritableRegistry(t, func(t *testing.T, f *fixture) {
				test.set(f)
				if err := f.client(t).PutBlob(t.Context(), repository, configDigest, []byte(config)); err != nil {
					t.Error(err)
				}
				if got := f.methods(); got != test.want {
					t.Errorf("sent %q, want %q", got, test.want)
				}
				if !f.repo.HasBlob(t, configDigest) {
					t.Error("the blob is not there")
				}
			})
		})
	}
}

// A registry that does not serve HEAD gets a GET for one byte.
func TestHasBlobAsksForOneByte(t *testing.T) {
	t.Parallel()
	forEachWritableRegistry(t, func(t *testing.T, f *fixture) {
		f.repo.PushBlob(t, []byte(config))
		withoutHead := transportFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodHead {
				return &http.Response{StatusCode: http.StatusMethodNotAllowed, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
			}
			return f.recorder.RoundTrip(req)
		})
		has, err := f.client(t, regret.WithTransport(withoutHead)).HasBlob(t.Context(), repository, configDigest)
		if !has || err != nil {
			t.Errorf("has: %t, %v", has, err)
		}
		f.wantSent(t, blobRequest("GET", configDigest, "206"))
	})
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestPutBlobToAReadOnlyRegistry(t *testing.T) {
	t.Parallel()
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, kind, registry.Setup{ReadOnly: true})
			err := f.client(t).PutBlob(t.Context(), repository, configDigest, []byte(config))
			if !errors.Is(err, regret.ErrReadOnly) {
				t.Errorf("error: %v", err)
			}
			f.wantWrites(t, "POST /v2/"+repository+"/blobs/uploads/ "+map[bool]string{true: "403", false: "405"}[kind.Name == registry.Olareg().Name])
		})
	}
}

func TestPutBlobWithTokens(t *testing.T) {
	t.Parallel()
	setup := registry.Setup{Accounts: map[string]registry.Account{
		"derek":  {Password: "secret", Actions: []string{"pull", "push"}},
		"reader": {Password: "secret", Actions: []string{"pull"}},
	}}
	forEachRegistry(t, setup, func(t *testing.T, f *fixture) {
		as := func(user string) *regret.Client {
			return f.client(t, regret.WithBasicAuth(user, "secret"), regret.WithTrustedRealm(strings.TrimSuffix(f.Tokens.URL, "/token")))
		}
		if err := as("reader").PutBlob(t.Context(), repository, configDigest, []byte(config)); !errors.Is(err, regret.ErrForbidden) {
			t.Errorf("without permission to push: %v", err)
		}
		if err := as("derek").PutBlob(t.Context(), repository, configDigest, []byte(config)); err != nil {
			t.Error(err)
		}
		if raw, err := as("reader").Blob(t.Context(), repository, configDigest, 1<<10); string(raw) != config || err != nil {
			t.Errorf("read %q, %v", raw, err)
		}
	})
}

// Neither version of distribution has the referrers API; olareg does.
func TestHasReferrers(t *testing.T) {
	t.Parallel()
	forEachWritableRegistry(t, func(t *testing.T, f *fixture) {
		f.repo.PushBlob(t, []byte(config)) // so that the repository exists
		has, err := f.client(t).HasReferrers(t.Context(), repository, configDigest)
		if want := f.Kind.Name == registry.Olareg().Name; has != want || err != nil {
			t.Errorf("has: %t, %v", has, err)
		}
	})
}
