// Command render prints the page of the plan in a file.
package main

import (
	"fmt"
	"os"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/htmlpage"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

func main() {
	if err := render(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	p, err := plan.Read(file)
	if err != nil {
		return err
	}
	return htmlpage.Write(os.Stdout, p)
}
