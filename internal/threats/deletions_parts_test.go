package threats_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// answerInParts reports that only a part of a deletion is done, with a Link to continue.
func answerInParts(w http.ResponseWriter, req *http.Request, target string) bool {
	w.Header().Set("Link", "<"+target+`>; rel="next"`)
	return fakeregistry.Errors(400, "MANIFEST_TAGS", "there are more")(w, req)
}

// The client continues a deletion in parts only at the same path of the same registry.
func TestThreatPartialDeletionContinuesElsewhere(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"https://evil.example.net/v2/team/app/manifests/DIGEST?last=x", "ftp://127.0.0.1/v2/team/app/manifests/DIGEST?last=x", "//127.0.0.1/v2/team/app/manifests/DIGEST?last=x", "/v2/team/app/manifests/v2?last=x",
		"/v2/team/other/manifests/DIGEST?last=x", "../tags/list?last=x", "https://a:" + leakedSecret + "@127.0.0.1/?last=x", "https://%zz?sig=" + leakedSecret, "/v2/x?sig=" + leakedSecret,
	} {
		t.Run(strings.ReplaceAll(target, "/", "_"), func(t *testing.T) {
			t.Parallel()
			onTransports(t, socketTransports(), func(t *testing.T, s *testServer) {
				s.intercept("DELETE", "", func(w http.ResponseWriter, req *http.Request) bool {
					return answerInParts(w, req, strings.ReplaceAll(target, "DIGEST", string(s.image.Digest)))
				})
				err := deleteManifest.run(s.ctx(), s.client(passwordOption()), s)
				wantErr(t, err, regret.Code("MANIFEST_TAGS"))
				wantNoSecrets(t, err, leakedSecret)
				s.wantRequestsAtMost(2)
				s.wantNothingDeleted()
			})
		})
	}
}

// A Link to another port of the same host, as a registry behind a proxy writes it, continues the
// deletion at the registry's own address.
func TestThreatPartialDeletionContinuesAtTheSameAddress(t *testing.T) {
	t.Parallel()
	onTransports(t, socketTransports(), func(t *testing.T, s *testServer) {
		x := s.startOtherServer(s.transport, serveContent)
		s.intercept("DELETE", "", func(w http.ResponseWriter, req *http.Request) bool {
			return !req.URL.Query().Has("last") && answerInParts(w, req, x.origin+"/inner"+manifestPath(s.image.Digest)+"?last=x")
		})
		if err := deleteManifest.run(s.ctx(), s.client(passwordOption()), s); err != nil {
			t.Error(err)
		}
		x.wantReceived(t, 0)
		var writes []string
		for _, r := range s.registry.Writes() {
			writes = append(writes, r.Path+"?"+r.Query)
		}
		path := manifestPath(s.image.Digest)
		if want := []string{path + "?", path + "?last=x"}; !slices.Equal(writes[max(0, len(writes)-2):], want) {
			t.Errorf("writes %q, want %q at the end", writes, want)
		}
	})
}

func TestThreatEndlessPartialDeletion(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]func(n int64) string{
		"a new one each time": func(n int64) string { return fmt.Sprint("last=", n) },
		"the same each time":  func(int64) string { return "last=x" },
		"two alternating":     func(n int64) string { return fmt.Sprint("last=", n%2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *testServer) {
				var n atomic.Int64
				s.intercept("DELETE", "", func(w http.ResponseWriter, req *http.Request) bool {
					return answerInParts(w, req, manifestPath(s.image.Digest)+"?"+query(n.Add(1)))
				})
				wantErr(t, deleteManifest.run(s.ctx(), s.client(), s))
				s.wantRequestsAtMost(10_000)
				for _, r := range s.registry.Writes() {
					if r.Path != manifestPath(s.image.Digest) {
						t.Errorf("unexpected write: %s", r)
					}
				}
			})
		})
	}
}
