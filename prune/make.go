package prune

import (
	"context"
	"hash/fnv"
	"iter"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// Make reads a repository and plans what the policy says. It writes nothing.
//
// Errors: as [Read], and [*plan.BrakeError] if the policy's limits refuse the plan.
func Make(ctx context.Context, r Reader, repository string, p *policy.Policy, o *ReadOptions) (*plan.Plan, error) {
	_, decision, err := read(ctx, r, repository, p, o)
	if err != nil {
		return nil, err
	}
	return decision.Plan()
}

// MakeAll makes a plan for each of several repositories, such as those of
// [regret.Client.Repositories], one after the other and all for the same time. Where there
// is none, it yields a [*RepositoryError] and goes on, also for a repository that the policy
// is not for: leave those out with [policy.Policy.CheckRepository]. It ends early only if
// the context does.
//
// To spread a registry over several processes, leave out the repositories of the other
// processes; see [Shard]. Totals of plans add up.
func MakeAll(ctx context.Context, r Reader, repositories iter.Seq2[string, error], p *policy.Policy, o *ReadOptions) iter.Seq2[*plan.Plan, error] {
	return func(yield func(*plan.Plan, error) bool) {
		options := ReadOptions{}
		if o != nil {
			options = *o
		}
		if options.At.IsZero() {
			options.At = time.Now()
		}
		for repository, err := range repositories {
			var made *plan.Plan
			if err == nil {
				made, err = Make(ctx, r, repository, p, &options)
			} else {
				repository = ""
			}
			if err != nil {
				made, err = nil, &RepositoryError{repository, err}
			}
			if !yield(made, err) || ctx.Err() != nil {
				return
			}
		}
	}
}

// Shard returns which of n shards a repository belongs to, from 0 to n-1: its FNV-1a hash
// of 64 bits modulo n. It is 0 if n is less than 1.
func Shard(repository string, n int) int {
	if n < 1 {
		return 0
	}
	hash := fnv.New64a()
	hash.Write([]byte(repository))
	return int(hash.Sum64() % uint64(n))
}
