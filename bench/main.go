// Command bench compares regret with other clients of OCI registries and with bare net/http: the
// same work against the same server in one run.
//
//	go run . report          # measure everything; writes RESULTS.md and results.svg
//	go run . report -quick   # fewer rounds, a fraction of the time
//	go run . once            # measure one client once, for profiling
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
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("missing command: report or once")
	}
	switch name, rest := args[0], args[1:]; name {
	case "report":
		return runReport(ctx, rest)
	case "once":
		return runOnce(ctx, rest)
	case "serve": // internal: report and once start it
		return registry.Serve(os.Stdin, os.Stdout)
	case "measure": // internal: report starts it
		return runMeasure(ctx, os.Stdin, os.Stdout)
	default:
		return fmt.Errorf("unknown command %q: want report or once", name)
	}
}
