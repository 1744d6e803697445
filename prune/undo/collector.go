package undo

import (
	"path"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A Collector is what is known of how a registry collects garbage: until when it keeps what
// images consist of that were deleted, so that [Restore] can bring them back.
type Collector struct {
	Product string // such as "zot"; empty if that is not known
	Until   string // how long an image can be restored, in words
	// Evidence is how that is known: "R" it was measured, "S" it was read in the source, "D" it
	// is documented. It is empty if Until is not known.
	Evidence string

	hosts []string // patterns of the names of a hosted service
}

// notKnown is the Until of a registry that was not examined.
const notKnown = "not known; ask the operator"

// Collectors returns what is known, by product. Of which product a registry is, nothing in the
// registry API tells.
func Collectors() []Collector {
	return []Collector{
		{Product: "distribution", Evidence: "D", Until: "until its operator runs `registry garbage-collect`"},
		{Product: "zot", Evidence: "R", Until: "by default garbage is collected every hour, and takes what is older than an hour: " +
			"an image that was pushed long ago is gone within the hour, perhaps after minutes"},
		{Product: "olareg", Evidence: "R", Until: "by default garbage is collected every 15 minutes, after an hour of grace"},
		{Product: "Gitea", Evidence: "R", Until: "not at all: layers go at once with the last manifest that needs them"},
		{Product: "Harbor", Evidence: "S", Until: "until its garbage collection runs, by the schedule that its administrator set, " +
			"and takes blobs that are older than two hours"},
		{Product: "Quay", Evidence: "S", Until: "by default for two weeks, for which the time machine keeps what a tag pointed to; " +
			"it can also bring back the tag itself"},
		{Product: "Docker Hub", Until: notKnown, hosts: []string{"docker.io"}},
		{Product: "GitHub (GHCR)", Until: notKnown, hosts: []string{"ghcr.io"}},
		{Product: "Google (GAR, GCR)", Until: notKnown, hosts: []string{"gcr.io", "*.gcr.io", "*-docker.pkg.dev"}},
		{Product: "Amazon ECR", Until: notKnown, hosts: []string{"*.dkr.ecr.*.amazonaws.com"}},
		{Product: "Azure (ACR)", Until: notKnown, hosts: []string{"*.azurecr.io"}},
	}
}

// CollectorAt returns what is known of a registry by its name alone, such as that of a plan:
// that of a hosted service. For any other, it has no product: if the caller knows which it is,
// [Collectors] says more.
func CollectorAt(registry string) Collector {
	host := strings.ToLower(plan.RegistryName(registry))
	for _, c := range Collectors() {
		for _, pattern := range c.hosts {
			if matches, err := path.Match(pattern, host); matches && err == nil {
				return c
			}
		}
	}
	return Collector{Until: notKnown}
}
