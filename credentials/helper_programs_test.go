package credentials_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// helperPrefix starts the file name of every helper program of these tests. A configuration names
// them "regret-good".
const helperPrefix = "docker-credential-regret-"

// helperSecret is what only a helper knows.
const helperSecret = "c4n4ry-of-the-helper"

// helperPrograms are the helpers, by what they do. Each gets the server that it is asked for from
// its standard input and returns its exit status.
var helperPrograms = map[string]func(server string) int{
	"good": func(string) int {
		return printAndExit(0, `{"ServerURL":"x","Username":"ann","Secret":"`+helperSecret+`"}`+"\n")
	},
	"echo": func(server string) int {
		return printAndExit(0, fmt.Sprintf(`{"Username":"echo","Secret":%q}`, server))
	},
	"token":     func(string) int { return printAndExit(0, `{"Username":"<token>","Secret":"`+helperSecret+`"}`) },
	"none":      func(string) int { return printAndExit(1, "credentials not found in native keychain\n") },
	"fails":     func(string) int { return printAndExit(1, `{"Username":"ann","Secret":"`+helperSecret+`"}`) },
	"garbage":   func(string) int { return printAndExit(0, helperSecret) },
	"silent":    func(string) int { return 0 },
	"no-secret": func(string) int { return printAndExit(0, `{"Username":"<token>","Secret":""}`) },
	"colon": func(string) int {
		return printAndExit(0, `{"Username":"a:`+helperSecret+`","Secret":"`+helperSecret+`"}`)
	},
	"not-found-but-succeeds": func(string) int {
		return printAndExit(0, "credentials not found in native keychain: "+helperSecret)
	},
	"nothing": func(string) int { return printAndExit(0, `{"ServerURL":"","Username":"","Secret":""}`) },
	"nothing-for-server": func(s string) int {
		return printAndExit(0, fmt.Sprintf(`{"ServerURL":%q,"Username":"","Secret":""}`, s))
	},
	"empty-object":        func(string) int { return printAndExit(0, "{}\n") },
	"null":                func(string) int { return printAndExit(0, "null\n") },
	"reason":              func(string) int { return printAndExit(0, `{"error":"`+helperSecret+`"}`) },
	"user-only":           func(string) int { return printAndExit(0, `{"Username":"ann"}`) },
	"secret-only":         func(string) int { return printAndExit(0, `{"Secret":"`+helperSecret+`"}`) },
	"two-lines":           func(string) int { return printAndExit(0, `{"Username":"_json_key","Secret":"{\r\n}\n"}`) },
	"text-after-json":     func(string) int { return printAndExit(0, `{"Username":"ann","Secret":"`+helperSecret+`"} done`) },
	"none-exit-3":         func(string) int { return printAndExit(3, "credentials not found in native keychain") },
	"none-stderr":         func(string) int { return complain("credentials not found in native keychain") },
	"none-stderr-error":   func(string) int { return complain("Error: credentials not found in native keychain") },
	"fails-after-none":    func(string) int { return complain("credentials not found in native keychain\nfatal: sealed") },
	"fails-quoting-none":  func(string) int { return complain("docker: credentials not found in native keychain") },
	"fails-no-server-url": func(string) int { return printAndExit(1, "no credentials server URL") },
	"podman-hub":          func(server string) int { return onlyFor(server, "docker.io") },
	"docker-hub":          func(server string) int { return onlyFor(server, "https://index.docker.io/v1/") },
	"floods":              func(string) int { write300MB(os.Stdout); return hang() },
	"floods-stderr": func(string) int {
		write300MB(os.Stderr)
		return printAndExit(0, `{"Username":"ann","Secret":"`+helperSecret+`"}`)
	},
	"hangs":               func(server string) int { startChild(server, nil); return hangUntilClosed(dial(server)) },
	"hangs-with-detached": func(server string) int { startChild(server, detached()); return hangUntilClosed(dial(server)) },
	"leaves-child": func(server string) int {
		startChild(server, nil)
		return printAndExit(0, `{"Username":"ann","Secret":"`+helperSecret+`"}`)
	},
	"child": func(string) int { return hangUntilClosed(dial(os.Args[1])) },
}

// runAsHelper complains on standard error first, as helpers do, and quotes the secret there.
func runAsHelper(name string) int {
	fmt.Fprintln(os.Stderr, "warning:", helperSecret)
	server := ""
	if name != "child" {
		stdin, err := io.ReadAll(os.Stdin)
		if err != nil || len(os.Args) != 2 || os.Args[1] != "get" {
			return printAndExit(2, err)
		}
		server = string(stdin)
	}
	return helperPrograms[name](server)
}

// printAndExit prints to standard output and returns the status to exit with.
func printAndExit(status int, what any) int {
	fmt.Print(what)
	return status
}

// complain prints to standard error and fails.
func complain(what string) int {
	fmt.Fprintln(os.Stderr, what)
	return 1
}

// onlyFor has a credential for one server, as a keychain has.
func onlyFor(server, known string) int {
	if server != known {
		return printAndExit(1, "credentials not found in native keychain")
	}
	return printAndExit(0, `{"Username":"ann","Secret":"`+helperSecret+`"}`)
}

func write300MB(w io.Writer) {
	chunk := []byte(strings.Repeat(helperSecret, 1<<20/len(helperSecret)))
	for range 300 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// hang stays for longer than any test waits.
func hang() int {
	<-time.After(time.Minute)
	return 0
}

// dial connects to the test. The end of the connection shows the test that the process has ended.
func dial(server string) net.Conn {
	conn, err := net.Dial("tcp", server)
	if err != nil {
		os.Exit(printAndExit(3, err))
	}
	return conn
}

// hangUntilClosed returns when the test closes the connection.
func hangUntilClosed(conn net.Conn) int {
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return 4
	}
	return 0
}

// startChild starts a process that inherits the pipe of this one and connects to the test.
func startChild(server string, attr *syscall.SysProcAttr) {
	cmd := exec.Command(helperPrefix+"child", server)
	cmd.Stdout, cmd.SysProcAttr = os.Stdout, attr
	if err := cmd.Start(); err != nil {
		os.Exit(printAndExit(5, err))
	}
}
