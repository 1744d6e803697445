package trash_test

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

// TestIsPlaceholder recognizes what UntagByOverwrite really puts under a tag, and nothing else.
func TestIsPlaceholder(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.Distribution2().New()
	reg.PutImage("team/app", "image", "v1")
	client, err := regret.New("registry.example", regret.WithTransport(reg))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	reg.Intercept(0, fakeregistry.On("PUT", "/v2/team/app/manifests/v1"), func(w http.ResponseWriter, req *http.Request) bool {
		reg.Serve(w, req)
		m, err := client.Manifest(t.Context(), "team/app", "v1")
		if err != nil || !trash.IsPlaceholder(m.Raw) {
			t.Errorf("it is not recognized: %s, %v", m.Raw, err)
		}
		seen++
		return true
	})
	if err := client.UntagByOverwrite(t.Context(), "team/app", "v1"); err != nil || seen != 1 {
		t.Fatalf("%d placeholders, %v", seen, err)
	}
	for what, raw := range map[string]string{
		"an index without the annotation": `{"manifests":[]}`,
		"an index that lists something":   `{"manifests":[{}],"annotations":{"com.github.seed-8cb7cc86.regret.placeholder":"x"}}`,
		"an empty annotation":             `{"manifests":[],"annotations":{"com.github.seed-8cb7cc86.regret.placeholder":""}}`,
		"no JSON":                         `{`,
	} {
		if trash.IsPlaceholder([]byte(raw)) {
			t.Errorf("%s is taken for a placeholder", what)
		}
	}
}
