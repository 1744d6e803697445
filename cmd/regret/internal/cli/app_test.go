package cli

import (
	"fmt"
	"io"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// A registry, or a proxy before it, that closes a connection while something is sent leads to the
// same error as a reader of stdout that has gone.
func TestAConnectionThatIsClosedIsNoSuccess(t *testing.T) {
	t.Parallel()
	read, write := io.Pipe()
	_ = read.Close()
	for _, test := range []struct {
		rule  string
		write bool // to stdout
		want  exit.Code
	}{
		{"the reader of stdout has gone", true, exit.Done},
		{"a connection was closed", false, exit.Failed},
	} {
		a := &app{streams: terminal.New(terminal.Options{Out: write})}
		if test.write {
			_, _ = fmt.Fprintln(a.streams.Out, "data")
		}
		if got := a.codeOf(fmt.Errorf("push: %w", io.ErrClosedPipe)); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.rule, got, test.want)
		}
	}
}
