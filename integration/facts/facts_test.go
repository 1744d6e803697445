// Package facts_test pins down what the registries answer, asked with nothing but net/http. The table in the
// README is made of these tests.
package facts_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// fact is one question to a registry, and the answer of each.
type fact struct {
	name string
	// setup is how the registry is configured.
	setup registry.Setup
	// ask prepares what the question needs, asks, and says what came of it.
	ask func(t *testing.T, r site) string
	// on2 and on3 are what distribution 2.8 and 3 answer; on3 is empty where it is the same.
	on2, on3 string
}

func (f fact) answer(kind registry.Kind) string {
	if kind.Name == registry.Distribution3().Name && f.on3 != "" {
		return f.on3
	}
	return f.on2
}

// site is the repository that is asked, and the registry it is in.
type site struct {
	wire.Repository
	server registry.Server
}

// chapter is what the facts of one file are about.
type chapter struct {
	title string
	facts []fact
}

func chapters() []chapter {
	return []chapter{resolving(), deleting(), refusing(), listing(), pushing(), authenticating()}
}

func TestRegistriesAnswerAsMeasured(t *testing.T) {
	t.Parallel()
	for _, chapter := range chapters() {
		for _, fact := range chapter.facts {
			for _, kind := range registry.Kinds() {
				t.Run(fmt.Sprintf("%s/%s/%s", chapter.title, fact.name, kind.Name), func(t *testing.T) {
					t.Parallel()
					server := kind.Start(t, fact.setup)
					got := fact.ask(t, site{
						Repository: wire.Repository{URL: server.URL, Name: "derek/busybox"},
						server:     server,
					})
					if diff := cmp.Diff(fact.answer(kind), got); diff != "" {
						t.Errorf("the answer is another (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}
