//go:build unix

package cli

import (
	"fmt"
	"os"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
)

// A shell names a pipe so: regret apply <(unzip -p plans.zip plan.json).
func TestApplyTakesAPlanFromAPipe(t *testing.T) {
	t.Parallel()
	reg := newStock()
	content, err := os.ReadFile(planFile(t, serve(t, reg), reg, removesPullRequests))
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	go func() {
		_, _ = write.Write(content)
		_ = write.Close()
	}()
	run(t, "apply", fmt.Sprintf("/dev/fd/%d", read.Fd()), "--archive", folder(t)).checkCode(t, exit.Done)
	if tags := tagsOf(reg); len(tags) != 2 {
		t.Errorf("tags are %v", tags)
	}
}

func TestApplyReadsNoFileWithoutEnd(t *testing.T) {
	t.Parallel()
	run(t, "apply", "/dev/zero").checkCode(t, exit.Usage)
}
