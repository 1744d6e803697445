package cases_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestPushedCasesAreServedAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, c := range load(t) {
		for hasAPI, opts := range map[bool][]fakeregistry.Option{true: nil, false: {fakeregistry.WithoutReferrersAPI()}} {
			if !c.RunsOnReal(hasAPI) {
				continue
			}
			t.Run(c.ID, func(t *testing.T) {
				t.Parallel()
				reg := fakeregistry.New(opts...)
				client := newClient(t, reg)
				if err := c.Push(t.Context(), client, c.Repository); err != nil {
					t.Fatal(err)
				}
				wantServed(t, c, client, c.Repository)
			})
		}
	}
}

func TestPushingDeletesWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","expect":{},"manifests":[
		{"id":"X","kind":"index","tags":["v1"],"children":["p","gone"]},{"id":"p","kind":"image"},{"id":"gone","kind":"image","missing":true},
		{"id":"r","kind":"referrer","subject":"subject"},{"id":"subject","kind":"image","missing":true},{"id":"unused","kind":"image","missing":true}]`)
	client := newClient(t, fakeregistry.New())
	if err := c.Push(t.Context(), client, c.Repository); err != nil {
		t.Fatal(err)
	}
	wantServed(t, c, client, c.Repository)
}

func TestWhichCasesRunOnARealRegistry(t *testing.T) {
	t.Parallel()
	const plain, subject = `"manifests":[{"id":"A","kind":"image"}]`, `"manifests":[{"id":"A","kind":"image"},{"id":"r","kind":"referrer","subject":"A"}]`
	for _, test := range []struct {
		name, members    string
		withAPI, without bool
	}{
		{"one without a subject runs anywhere", `"listing":"oci","referrers":"api",` + plain, true, true},
		{"one with a subject needs the api that it names", `"listing":"oci","referrers":"api",` + subject, true, false},
		{"one without the api needs a registry without it", `"listing":"oci","referrers":"none",` + subject, false, true},
		{"a list of referrers is a tag as any", `"listing":"oci","referrers":"fallback",` + plain, true, true},
		{"one with upload times does not", `"listing":"google","referrers":"api",` + plain, false, false},
		{"one with a native api does not", `"listing":"lister","referrers":"api",` + plain, false, false},
		{"one with a fault does not", `"listing":"oci","referrers":"api","faults":{"entries":["x"]},` + plain, false, false},
	} {
		c := parse(t, test.members+`,"expect":{}`)
		if got, want := [2]bool{c.RunsOnReal(true), c.RunsOnReal(false)}, [2]bool{test.withAPI, test.without}; got != want {
			t.Errorf("%s: got %v, want %v", test.name, got, want)
		}
	}
}

func TestInUseListsNameTheRegistryOfTheTest(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","expect":{},"files":{"f":{
		"content":"registry.example/team/app:v1\nregistry.example:5000/team/app:v1\nmirror.local/team/app:v2\n","modified":"2026-11-26T11:00:00Z"}}`)
	moved := c.OnRegistry("localhost:5000")
	const want = "localhost:5000/team/app:v1\nregistry.example:5000/team/app:v1\nmirror.local/team/app:v2\n"
	if diff := cmp.Diff(want, moved.Files["f"].Content); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	if c.Files["f"].Content == want {
		t.Error("the case itself was changed")
	}
}
