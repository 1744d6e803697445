package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// inParts says that only a part of a deletion is done, and where to go on.
func inParts(w http.ResponseWriter, req *http.Request, target string) bool {
	w.Header().Set("Link", "<"+target+`>; rel="next"`)
	return fakeregistry.Errors(400, "MANIFEST_TAGS", "there are more")(w, req)
}

// A deletion in parts goes on at the same path of the same registry, or not at
// all.
func TestThreatDeletionGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"STRANGER/v2/team/app/manifests/DIGEST?last=x", "//127.0.0.1/v2/team/app/manifests/DIGEST?last=x", "/v2/team/app/manifests/v2?last=x",
		"/v2/team/other/manifests/DIGEST?last=x", "../tags/list?last=x", "https://a:" + overheard + "@127.0.0.1/?last=x", "https://%zz?sig=" + overheard, "/v2/x?sig=" + overheard,
	} {
		t.Run(strings.ReplaceAll(target, "/", "_"), func(t *testing.T) {
			t.Parallel()
			over(t, sockets(), func(t *testing.T, s *stage) {
				x := s.stranger(s.way, storage)
				s.on("DELETE", "", func(w http.ResponseWriter, req *http.Request) bool {
					return inParts(w, req, strings.NewReplacer("STRANGER", x.origin, "DIGEST", string(s.image.Digest)).Replace(target))
				})
				err := deleteManifest.run(s.ctx(), s.client(account()), s)
				wantErr(t, err, regret.Code("MANIFEST_TAGS"))
				wantDiscreet(t, err, overheard)
				x.wantHeard(t, 0)
				s.wantAtMost(2)
				s.wantAllThere()
			})
		})
	}
}

func TestThreatDeletionInPartsWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]func(n int64) string{
		"always another one": func(n int64) string { return fmt.Sprint("last=", n) },
		"the same one":       func(int64) string { return "last=x" },
		"two in turn":        func(n int64) string { return fmt.Sprint("last=", n%2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *stage) {
				var n atomic.Int64
				s.on("DELETE", "", func(w http.ResponseWriter, req *http.Request) bool {
					return inParts(w, req, manifestPath(s.image.Digest)+"?"+query(n.Add(1)))
				})
				wantErr(t, deleteManifest.run(s.ctx(), s.client(), s))
				s.wantAtMost(10_000)
				for _, r := range s.registry.Writes() {
					if r.Path != manifestPath(s.image.Digest) {
						t.Errorf("sent: %s", r)
					}
				}
			})
		})
	}
}
