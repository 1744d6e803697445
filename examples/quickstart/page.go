package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed-8cb7cc86/regret"
)

// A page is where the command writes: its own words, and dimly beneath them the
// requests that were sent.
type page struct {
	w      io.Writer
	dim    bool
	muted  bool   // requests are not shown for now
	origin string // left out of what is shown of a request
	steps  int
}

// say writes one line.
func (p *page) say(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...)
}

// step begins the next part: what is asked, and the call that asks it.
func (p *page) step(title, call string) {
	p.steps++
	p.say("\n%d  %-44s %s", p.steps, title, call)
}

// result writes what a step came to.
func (p *page) result(format string, args ...any) {
	p.say("   "+format, args...)
}

// quote writes a longer text in lines that fit.
func (p *page) quote(text string) {
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

// request shows one request; it is given to regret.WithTrace.
func (p *page) request(a regret.Attempt) {
	if p.muted {
		return
	}
	status := "no answer"
	if a.StatusCode != 0 {
		status = fmt.Sprint(a.StatusCode)
	}
	where := a.URL
	if path, ok := strings.CutPrefix(where, p.origin); ok {
		where = shorten(path)
	}
	line := fmt.Sprintf("     %-6s %s  %s", a.Method, where, status)
	if p.dim {
		line = "\x1b[2m" + line + "\x1b[0m"
	}
	p.say("%s", line)
}

// shorten cuts the digest at the end of s so that a line fits.
func shorten(s string) string {
	const kept = 16
	if i := strings.LastIndexByte(s, ':'); i >= 0 && len(s) > i+1+kept {
		return s[:i+1+kept] + "…"
	}
	return s
}

// dims says whether f is a terminal that understands escape codes and may show
// them; see https://no-color.org.
func dims(f *os.File) bool {
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
