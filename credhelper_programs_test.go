package regret_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// testHelper begins the names under which the test binary is a credential
// helper.
const testHelper = "docker-credential-regret-"

// What only a helper knows.
const inHelper = "c4n4ry-of-the-helper"

// testHelpers are programs by what they do. The server that a helper is asked
// for is on its standard input.
var testHelpers = map[string]func(server string) int{
	"good":    func(string) int { return say(0, `{"ServerURL":"x","Username":"ann","Secret":"`+inHelper+`"}`+"\n") },
	"echo":    func(server string) int { return say(0, fmt.Sprintf(`{"Username":"who asked","Secret":%q}`, server)) },
	"token":   func(string) int { return say(0, `{"Username":"<token>","Secret":"`+inHelper+`"}`) },
	"none":    func(string) int { return say(1, "credentials not found in native keychain\n") },
	"fails":   func(string) int { return say(1, `{"Username":"ann","Secret":"`+inHelper+`"}`) },
	"garbage": func(string) int { return say(0, inHelper) },
	"silent":  func(string) int { return 0 },
	"empty":   func(string) int { return say(0, `{"Username":"`+inHelper+`","Secret":""}`) },
	"nobody":  func(string) int { return say(0, `{"Secret":"`+inHelper+`"}`) },
	"control": func(string) int { return say(0, `{"Username":"ann","Secret":"`+inHelper+`\r\nX: y"}`) },
	"colon":   func(string) int { return say(0, `{"Username":"a:`+inHelper+`","Secret":"`+inHelper+`"}`) },
	"lies":    func(string) int { return say(0, "credentials not found in native keychain: "+inHelper) },
	"flood":   func(string) int { pour(os.Stdout); return waitForEnd(os.Stdout) },
	"whine": func(string) int {
		pour(os.Stderr)
		return say(0, `{"Username":"ann","Secret":"`+inHelper+`"}`)
	},
	"hang":   func(server string) int { leave(server, nil); return waitForEnd(dial(server)) },
	"detach": func(server string) int { leave(server, detached()); return waitForEnd(dial(server)) },
	"leave": func(server string) int {
		leave(server, nil)
		return say(0, `{"Username":"ann","Secret":"`+inHelper+`"}`)
	},
	"linger": func(string) int { return waitForEnd(dial(os.Args[1])) },
}

// TestMain makes the test binary a credential helper where it is called as one,
// and puts it into $PATH under those names. Where it is the tests, it wants every
// goroutine to end with them.
func TestMain(m *testing.M) {
	if name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), testHelper); ok {
		os.Exit(actAsHelper(strings.TrimSuffix(name, ".exe")))
	}
	os.Exit(withHelpers(m))
}

func withHelpers(m *testing.M) int {
	dir, err := os.MkdirTemp("", "helpers")
	if err != nil {
		return say(1, err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return say(1, err)
	}
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	for name := range testHelpers {
		err = errors.Join(err, os.Symlink(self, filepath.Join(dir, testHelper+name+suffix)))
	}
	err = errors.Join(err,
		os.WriteFile(filepath.Join(dir, testHelper+"text"), []byte("no program"), 0o755),
		os.WriteFile(filepath.Join(dir, testHelper+"locked"), []byte("no program"), 0o644),
		os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")))
	if err != nil {
		return say(1, err)
	}
	status := 0
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { status = code }))
	return status
}

// actAsHelper complains on standard error first, as helpers do.
func actAsHelper(name string) int {
	fmt.Fprintln(os.Stderr, "warning:", inHelper)
	server := ""
	if name != "linger" {
		asked, err := io.ReadAll(os.Stdin)
		if err != nil || len(os.Args) != 2 || os.Args[1] != "get" {
			return say(2, err)
		}
		server = string(asked)
	}
	return testHelpers[name](server)
}

// say prints and returns the status to exit with.
func say(status int, what any) int {
	fmt.Print(what)
	return status
}

// pour writes 300 MB, whether anybody listens or not.
func pour(w io.Writer) {
	chunk := []byte(strings.Repeat(inHelper, 1<<20/len(inHelper)))
	for range 300 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// dial reaches the test, which sees by the end of the connection that the
// process is gone.
func dial(server string) net.Conn {
	conn, err := net.Dial("tcp", server)
	if err != nil {
		os.Exit(say(3, err))
	}
	return conn
}

// waitForEnd returns when the test ends the connection.
func waitForEnd(from any) int {
	if conn, ok := from.(net.Conn); ok {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return 4
		}
		return 0
	}
	<-time.After(time.Minute)
	return 0
}

// leave starts a process that has the pipe of this one.
func leave(server string, how *syscall.SysProcAttr) {
	cmd := exec.Command(testHelper+"linger", server)
	cmd.Stdout, cmd.SysProcAttr = os.Stdout, how
	if err := cmd.Start(); err != nil {
		os.Exit(say(5, err))
	}
}
