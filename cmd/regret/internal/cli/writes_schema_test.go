package cli

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// TestWritersPrintWhatTheirSchemasSay checks what commands print that write to a registry.
func TestWritersPrintWhatTheirSchemasSay(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	app := host + "/team/app"
	plan, undo := planFile(t, host, reg, removesPullRequests), folder(t)
	check := func(want exit.Code, args ...string) {
		t.Helper()
		got := run(t, append(args, "-o", "json")...)
		got.checkCode(t, want)
		checkSchema(t, got.out)
	}
	check(exit.Partial, "untag", app+":stable", app+":none")
	check(exit.Done, "untag", app+":none", "--ignore-missing")
	check(exit.Done, "apply", plan, "--archive", undo, "--verify")
	check(exit.Done, "restore", undo, "-n")
	reg.PutImage(stocked, "another", "pr-2")
	reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/team/app/manifests/pr-3"), fakeregistry.Errors(http.StatusForbidden, "DENIED", "no"))
	check(exit.Partial, "restore", undo)
	check(exit.Done, "rm", app+":pr-2", "--yes", "--archive", folder(t))
	check(exit.Done, "rm", app+":pr-1", "--yes", "--quarantine", "--with-tags", "--archive", folder(t))
	check(exit.Done, "trash", "ls", app)
	check(exit.Done, "trash", "restore", app, "-n")
	check(exit.Partial, "trash", "empty", app, host+"/team/none", "--yes")
}
