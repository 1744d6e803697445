package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed-8cb7cc86/regret"
)

// A printer writes the output of the command. It dims the requests, so that they stand apart from
// the text.
type printer struct {
	w      io.Writer
	dim    bool   // use escape codes
	muted  bool   // do not print requests
	origin string // the registry's URL, cut from the URLs of its requests
	steps  int
}

// line prints one line.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...)
}

// step prints the heading of the next step and the call it makes.
func (p *printer) step(title, call string) {
	p.steps++
	p.line("\n%-2d %-44s %s", p.steps, title, call)
}

// result prints one line of the outcome of a step.
func (p *printer) result(format string, args ...any) {
	p.line("   "+format, args...)
}

// quote prints text, wrapped and indented.
func (p *printer) quote(text string) {
	const width = 90
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			p.result("  %s", line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	p.result("  %s", line)
}

// request prints one request. It is the callback of [regret.WithTrace].
func (p *printer) request(a regret.Attempt) {
	if p.muted {
		return
	}
	status := "no response"
	if a.StatusCode != 0 {
		status = fmt.Sprint(a.StatusCode)
	}
	target := a.URL
	if path, ok := strings.CutPrefix(target, p.origin); ok {
		target = shortenDigest(path)
	}
	line := fmt.Sprintf("     %-6s %s  %s", a.Method, target, status)
	if p.dim {
		line = "\x1b[2m" + line + "\x1b[0m"
	}
	p.line("%s", line)
}

// shortenDigest truncates the digest at the end of s, if any, so that a request fits on one line.
func shortenDigest(s string) string {
	const kept = 16
	if i := strings.LastIndexByte(s, ':'); i >= 0 && len(s) > i+1+kept {
		return s[:i+1+kept] + "…"
	}
	return s
}

// supportsDim reports whether f is a terminal that understands escape codes and the user allows
// them; see https://no-color.org.
func supportsDim(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("NO_COLOR") != "" {
		return false
	}
	switch os.Getenv("TERM") {
	case "", "dumb":
		return false
	}
	return true
}
