package cli

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan returns the command man.
func newMan(a *app) *cobra.Command {
	dir := ""
	cmd := &cobra.Command{
		Use:   "man [COMMAND]",
		Short: "Print the manual page of a command, or write those of all",
		Example: join(
			"regret man plan | man -l -",
			"regret man --dir /usr/local/share/man/man1",
		),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: "regret " + version(), Manual: "regret"}
			if dir != "" {
				if err := os.MkdirAll(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
					return err
				}
				return doc.GenManTree(root, header, dir)
			}
			page, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q", strings.Join(args, " "))
			}
			return doc.GenMan(page, header, a.streams.Out)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write a page for each command into this `folder`")
	return cmd
}
