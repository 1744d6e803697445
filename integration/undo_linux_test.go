package integration_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestStoreOnAFullDisk runs TestStoreOnASmallDisk in a process with a file system of its own,
// which has room for 64 KiB.
func TestStoreOnAFullDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	inside := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStoreOnASmallDisk$", "-test.v")
	inside.Env = append(os.Environ(), smallDisk+"="+root)
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := inside.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the disk is full") {
		t.Errorf("%v\n%s", err, out)
	}
}

// smallDisk names the variable with the folder in which to mount a small file system.
const smallDisk = "REGRET_TEST_SMALL_DISK"

// TestStoreOnASmallDisk does nothing unless it is run by TestStoreOnAFullDisk.
func TestStoreOnASmallDisk(t *testing.T) {
	root := os.Getenv(smallDisk)
	if root == "" {
		return
	}
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("mount a file system: %v", err)
	}
	store, err := undo.DirStore(filepath.Join(root, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	small, large := []byte("small"), bytes.Repeat([]byte("large"), 20_000)
	if err := store.Put(t.Context(), "index.json", small); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.json", "plan.json", "blobs/sha256/abc"} {
		if err := store.Put(t.Context(), name, large); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	t.Log("the disk is full")
	if got, err := store.Get(t.Context(), "index.json"); err != nil || !bytes.Equal(got, small) {
		t.Errorf("what was there is %q, %v", got, err)
	}
	if _, err := store.Get(t.Context(), "plan.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was not stored is there: %v", err)
	}
	if err := store.Put(t.Context(), "plan.json", small); err != nil { // nothing is left that takes up room
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(root, "archive", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	if err := syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), "oci-layout", small); !errors.Is(err, syscall.EROFS) {
		t.Errorf("on a read-only file system: %v", err)
	}
}
