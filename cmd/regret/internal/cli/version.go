package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version returns the version of the command, as Go has recorded it in the binary.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// newVersion returns the command version.
func newVersion(a *app) *cobra.Command {
	type versions struct {
		Regret  string `json:"regret"`
		Version string `json:"version"`
		Go      string `json:"go"`
		OS      string `json:"os"`
		Arch    string `json:"arch"`
	}
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: join("regret version", "regret version -o json"),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{"version/1", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
			if a.formatOf(cmd) == formatJSON {
				text, err := toJSON(v)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(a.streams.Out, text)
				return err
			}
			_, err := fmt.Fprintf(a.streams.Out, "regret %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
			return err
		},
	}
	setFormats(cmd, formatTable, formatJSON)
	return cmd
}
