// Package facts_test checks how the registries respond to requests sent with plain net/http. The tables
// in the README are generated from these tests.
package facts_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// fact is a request and how each registry responds to it.
type fact struct {
	name string
	// setup is how the registry is configured.
	setup registry.Setup
	// observe prepares the repository, sends the request and describes the response.
	observe func(t *testing.T, r repo) string
	// on2 and on3 are the results on distribution 2.8 and 3. An empty on3 means the same as on2.
	on2, on3 string
}

// want returns the expected result on a kind of registry.
func (f fact) want(kind registry.Kind) string {
	if kind.Name == registry.Distribution3().Name && f.on3 != "" {
		return f.on3
	}
	return f.on2
}

// repo is a repository and the registry it belongs to.
type repo struct {
	wire.Repository
	server registry.Server
}

// section is a section of the README with its facts.
type section struct {
	title string
	facts []fact
}

func sections() []section {
	return []section{resolving(), deleting(), refusing(), listing(), pushing(), authenticating()}
}

func TestRegistriesRespondAsMeasured(t *testing.T) {
	t.Parallel()
	for _, section := range sections() {
		for _, fact := range section.facts {
			for _, kind := range registry.Kinds() {
				t.Run(fmt.Sprintf("%s/%s/%s", section.title, fact.name, kind.Name), func(t *testing.T) {
					t.Parallel()
					server := kind.Start(t, fact.setup)
					got := fact.observe(t, repo{
						Repository: wire.Repository{URL: server.URL, Name: "derek/busybox"},
						server:     server,
					})
					if diff := cmp.Diff(fact.want(kind), got); diff != "" {
						t.Errorf("response (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}
