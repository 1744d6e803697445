package command_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// onSmallDisk runs a script of bash in a user and mount namespace of its own, where the folder disk
// is a file system of a size.
func (s *shell) onSmallDisk(t *testing.T, size, repository, script string) outcome {
	t.Helper()
	cmd := s.program(t, "bash", "-e", "-c", "mkdir -p disk; mount -t tmpfs -o size="+size+" tmpfs disk\n"+script)
	cmd.Env = append(cmd.Env, "REPO="+repository)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return finish(t, cmd)
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	const fill = "cat /dev/zero >disk/fill 2>/dev/null || true\n"
	for name, script := range map[string]string{
		"there is no room for an archive":    fill + "regret apply plan.json --archive disk/undo || code=$?",
		"an archive has room for a part":     "head -c 40000 /dev/zero >disk/fill\nregret apply plan.json --archive disk/undo || code=$?",
		"there is no room for a plan":        fill + "regret plan $REPO -p policy.json --out disk/plan.json || code=$?\ntest ! -e disk/plan.json",
		"a plan that exists stays":           "echo old >disk/plan.json\n" + fill + "regret plan $REPO -p policy.json --out disk/plan.json || code=$?\ngrep -qx old disk/plan.json",
		"the file system is read-only":       "mount -o remount,ro disk\nregret apply plan.json --archive disk/undo || code=$?",
		"the working folder is read-only":    "mount -o remount,ro disk\ncd disk\nregret apply ../plan.json || code=$?",
		"a plan on a read-only file system":  "mount -o remount,ro disk\nregret plan $REPO -p policy.json --out disk/plan.json || code=$?",
		"plans in a folder that is not made": "mount -o remount,ro disk\nregret plan $REPO $REPO-2 -p policy.json --out disk/plans || code=$?",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec")
			sh := fakePullRequests(t, fake, s, 60)
			got := sh.onSmallDisk(t, "64k", s.name(), script+"\nls -A disk | grep -F .new && exit 99\nexit $((100 + code))")
			if got.code != 101 && got.code != 102 {
				t.Errorf("the code is %d: %s", got.code, got.stderr)
			}
			if last := lastLines(got.stderr, 2); !strings.Contains(last, "Error: ") || !strings.Contains(last, "disk") && !strings.Contains(last, "regret-undo") {
				t.Errorf("stderr is %s", got.stderr)
			}
			wantWrites(t, fake, 0)
		})
	}
	t.Run("a journal that has no more room is no success, and the next run goes on", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 200)
		deleting, filled := filepath.Join(sh.folder, "deleting"), filepath.Join(sh.folder, "filled")
		if err := errors.Join(syscall.Mkfifo(deleting, 0o600), syscall.Mkfifo(filled, 0o600)); err != nil {
			t.Fatal(err)
		}
		fake.Inject(1, http.MethodDelete, "/v2/"+app+"/manifests/*", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if err := os.WriteFile(deleting, nil, 0); err != nil { // waits for a reader
				t.Error(err)
			}
			if _, err := os.ReadFile(filled); err != nil {
				t.Error(err)
			}
			next.ServeHTTP(w, req)
		})
		got := sh.onSmallDisk(t, "4m", s.name(), `regret apply plan.json -j 1 --archive disk/undo & pid=$!
cat deleting
cat /dev/zero >disk/fill 2>/dev/null || true
echo >filled
wait $pid || echo code $?
rm disk/fill
echo again
regret apply plan.json --archive disk/undo`)
		if got.code != 0 {
			t.Errorf("the code is %d", got.code)
		}
		first, second, _ := strings.Cut(got.stdout, "again\n")
		says(t, first, "code 1") // what was announced durably before may be deleted, and is found to be gone then
		says(t, second, "deleted 200")
		says(t, got.stderr, "Error: ", "no space left on device")
		wantRelease(t, fake)
	})
}

// lastLines returns the end of a text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
