package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
)

// describePolicy prints what a policy means, in words and in its canonical form. It sends nothing.
func (c *planCommand) describePolicy() error {
	p, err := c.app.readPolicy(c.file)
	if err != nil {
		return err
	}
	out := c.app.streams.Out
	switch format := c.app.formatOf(c.cmd); {
	case c.app.flags.format != "" || format != formatTree && format != formatJSON:
		return usagef("--print-policy prints text, or with -o json the canonical form alone")
	case format == formatJSON:
		_, err = fmt.Fprintf(out, "%s\n", p.JSON())
		return err
	}
	var canonical bytes.Buffer
	if err := json.Indent(&canonical, p.JSON(), "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n%s\n%s\n", policyfile.Describe(p), canonical.String(), p.Digest())
	return err
}
