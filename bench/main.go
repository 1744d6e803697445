// Command bench measures regret beside the other clients of OCI registries and
// beside bare net/http: the same work against the same server in one run.
//
//	go run . report          # everything; writes RESULTS.md and results.svg
//	go run . report -quick   # fewer rounds, a fraction of the time
//	go run . once            # one row in one cell, for a profiler
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say what to do: report, or once")
	}
	switch name, rest := args[0], args[1:]; name {
	case "report":
		return runReport(ctx, rest)
	case "once":
		return runOnce(ctx, rest)
	case "serve": // by report and once, for themselves
		return registry.Serve(os.Stdin, os.Stdout)
	case "measure": // by report, for itself
		return runMeasure(ctx, os.Stdin, os.Stdout)
	default:
		return fmt.Errorf("%q is neither report nor once", name)
	}
}
