package cli

import (
	"context"
	"time"
)

// settleTime is how long a write that is in flight may take after a signal.
const settleTime = 30 * time.Second

// settling returns a context for one write, which ends some time after ctx: what is in flight is
// settled and not abandoned, so that it is known what came of it. The caller calls stop.
func settling(ctx context.Context) (writing context.Context, stop func()) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(settleTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-writing.Done():
		}
	})
	return writing, func() { unwatch(); cancel() }
}
