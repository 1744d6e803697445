package cli

import (
	"context"
	"iter"
	"sync"
)

// inOrder calls fn for each element of a sequence, several at once, and yields the results in the
// order of the sequence. An error of the sequence ends it; one of fn is yielded with its result,
// and the others go on. If the context ends before the sequence, its cause is the last error, so
// that the results cannot be taken for all.
func inOrder[T, R any](ctx context.Context, atOnce int, all iter.Seq2[T, error], fn func(context.Context, T) (R, error)) iter.Seq2[R, error] {
	type result struct {
		value R
		err   error
	}
	return func(yield func(R, error) bool) {
		outer := ctx
		ctx, cancel := context.WithCancel(outer)
		pending := make(chan chan result, atOnce-1) // with the one that is waited for, as many as may be in flight
		isCut := false                              // written before pending is closed
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() {
			defer close(pending)
			for v, err := range all {
				next := make(chan result, 1)
				select {
				case pending <- next:
				case <-ctx.Done():
					isCut = true
					return
				}
				if err != nil {
					next <- result{err: err}
					return
				}
				running.Go(func() {
					value, err := fn(ctx, v)
					next <- result{value, err}
				})
			}
		})
		for next := range pending {
			if r := <-next; !yield(r.value, r.err) {
				return
			}
		}
		if isCut {
			var none R
			yield(none, context.Cause(outer))
		}
	}
}
