package apply

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// findUnordered returns, by step, the steps that must not be taken if the manifest of that one stays,
// although they do not wait for it: its subject, because registries such as Harbor and ACR delete along
// with a manifest what refers to it; and what refers to it itself, where a circle of references and
// lists leaves no order in which the subject goes first.
func (w *watch) findUnordered() map[int][]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	unordered := make(map[int][]int)
	for i := range w.steps {
		step := &w.steps[i]
		if step.Action != plan.Delete {
			continue
		}
		if subject, known := w.byDigest[step.Subject]; known {
			unordered[i] = append(unordered[i], subject)
		}
		for _, dgst := range w.guard.RefersTo(step) {
			if to, known := w.byDigest[dgst]; known && to != i && !slices.Contains(step.After, dgst) {
				unordered[to] = append(unordered[to], i)
			}
		}
	}
	return unordered
}
