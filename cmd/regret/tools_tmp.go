package main

import (
	_ "github.com/goccy/go-yaml"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/seed-8cb7cc86/regret"
	_ "github.com/spf13/cobra"
	_ "golang.org/x/term"
)

func main() {}
