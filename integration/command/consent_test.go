//go:build !windows

package command_test

import (
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// TestConsentAtATerminal answers the question of apply.
func TestConsentAtATerminal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keys string
		code int
	}{
		"another number is a refusal": {"4\n", 2},
		"so is the end of the input":  {"\x04", 2},
		"the number is consent":       {"3\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec")
			sh := fakePullRequests(t, fake, s, 3)
			p := startAtPTY(t, sh.command(t, "apply", "plan.json"), 100, "")
			p.expect(t, "Undo: regret restore regret-undo")
			p.expect(t, "Type the number of images to go on: ")
			p.typeKeys(t, test.keys)
			shown := p.wantCode(t, test.code)
			if test.code == 0 {
				wantRelease(t, fake)
			} else if len(fake.Writes()) > 0 || !strings.Contains(shown, "nothing was deleted") {
				t.Errorf("writes: %v; it shows %s", fake.Writes(), shown)
			}
		})
	}
}

// TestConsentOfEveryCommand checks that what deletes asks for the number of images, of all plans
// together, and that a number from stdin is none.
func TestConsentOfEveryCommand(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   func(s *site) []string
		number string
	}{
		"rm of two": {func(s *site) []string { return []string{"rm", s.name() + ":pr-0", s.name() + ":pr-1"} }, "2"},
		"a policy":  {func(s *site) []string { return []string{"apply", "-p", "policy.json", s.name()} }, "3"},
		"a policy for two repositories": {func(s *site) []string {
			return []string{"apply", "-p", "policy.json", s.name(), s.host + "/team/other"}
		}, "5"},
		"an archive of the trash": {func(s *site) []string { return []string{"trash", "empty", s.name()} }, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec")
			sh := fakePullRequests(t, fake, s, 3)
			for _, tag := range []string{"pr-7", "pr-8", "1.0"} {
				fake.PutImage("team/other", regrettest.Image{Layers: []string{tag}}, tag)
			}
			trashed := fake.PutImage(app, regrettest.Image{Layers: []string{"old"}})
			fake.SetTag(app, "regret-trash-20260101-0123abcd-"+trashed.Digest.Encoded()[:12], trashed.Digest)
			for _, keys := range []string{"99\n", "\n", test.number + "\n"} {
				if writes := fake.Writes(); len(writes) > 0 {
					t.Fatalf("writes were sent: %v", writes)
				}
				p := startAtPTY(t, sh.command(t, test.args(s)...), 100, "")
				p.expect(t, "Type the number of images to go on: ")
				p.typeKeys(t, keys)
				code := 2
				if keys == test.number+"\n" {
					code = 0
				}
				p.wantCode(t, code)
			}
			if len(fake.Writes()) == 0 {
				t.Error("nothing was deleted")
			}
			cmd := sh.command(t, "rm", s.name()+":1.0.0")
			cmd.Stdin = strings.NewReader("1\n")
			says(t, startAtPTY(t, cmd, 100, "1\n").wantCode(t, 2), "there is no terminal to ask at", "--yes")
		})
	}
}

// TestTalkAtATerminal looks at the colours and the progress of real commands.
func TestTalkAtATerminal(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 12).with("TERM=xterm")
	t.Run("a tree has colour, unless it goes elsewhere or NO_COLOR is set", func(t *testing.T) {
		args := []string{"ls", s.name(), "--tree"}
		if shown := startAtPTY(t, sh.command(t, args...), 100, "").wantCode(t, 0); !strings.Contains(shown, "\x1b[") {
			t.Errorf("it shows %q", shown)
		}
		for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
			cmd := sh.with(env).command(t, append(args, "--no-progress")...)
			if shown := startAtPTY(t, cmd, 100, "").wantCode(t, 0); strings.Contains(shown, "\x1b") {
				t.Errorf("with %s it shows %q", env, shown)
			}
		}
		if got := sh.want(t, 0, args...); strings.Contains(got.stdout+got.stderr, "\x1b") {
			t.Errorf("in a pipe it is %q", got.stdout+got.stderr)
		}
		if got := sh.want(t, 0, append(args, "--color", "always")...); !strings.Contains(got.stdout, "\x1b[") {
			t.Errorf("with --color it is %q", got.stdout)
		}
	})
	t.Run("deletions show how far they are", func(t *testing.T) {
		held := holdUp(t, fake, "DELETE", "/v2/"+app+"/manifests/*")
		p := startAtPTY(t, sh.command(t, "apply", "plan.json", "--yes"), 100, "")
		held.await(t)
		p.expect(t, " 0/12")
		held.release()
		p.expect(t, "deleted 12")
		p.wantCode(t, 0)
		wantRelease(t, fake)
	})
}
