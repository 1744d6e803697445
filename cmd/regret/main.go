// Command regret deletes images from OCI and Docker registries: by name, or by a retention policy
// that it plans, applies and undoes. See the README of the project.
package main

import (
	"os"
	_ "time/tzdata" // an image from scratch has no zone files, and Windows has none

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:]))
}
