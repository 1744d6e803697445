package apply

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// findUnordered returns, by step, the steps that must not be taken if the manifest of that one stays,
// although they do not wait for it: its subject, because registries such as Harbor and ACR delete along
// with a manifest what refers to it; and what refers to it itself, where a circle of references and
// lists leaves no order in which the subject goes first. Images that are put in the trash do not count:
// nothing of them goes.
func (r *run) findUnordered() map[int][]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	deletes := func(step *plan.Step) bool { return step.Action == plan.Delete && !(r.trash != nil && isImage(step)) }
	unordered := make(map[int][]int)
	for i := range r.steps {
		step := &r.steps[i]
		if !deletes(step) {
			continue
		}
		for _, dgst := range r.guard.RefersTo(step) {
			to, known := r.byDigest[dgst]
			if !known || to == i || !deletes(&r.steps[to]) {
				continue
			}
			if dgst == step.Subject {
				unordered[i] = append(unordered[i], to)
			}
			if !slices.Contains(step.After, dgst) {
				unordered[to] = append(unordered[to], i)
			}
		}
	}
	return unordered
}
