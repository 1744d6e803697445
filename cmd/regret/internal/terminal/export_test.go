package terminal

import (
	"context"
	"os"
)

// InterruptibleBy is [Streams.Interruptible] for signals from a channel.
func (s *Streams) InterruptibleBy(ctx context.Context, signals <-chan os.Signal, exit func(int)) (context.Context, func()) {
	return s.interruptible(ctx, signals, exit)
}
