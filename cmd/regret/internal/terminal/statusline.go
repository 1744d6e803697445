package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Progress is how far some work is.
type Progress struct {
	Label  string  // what is worked on, if that needs saying; a new one begins a new rate
	Done   int     // of Total
	Total  int     // 0 if it is not known
	Counts []Count // in the order in which they are shown
}

// A Count is how often something happened: "deleted 30".
type Count struct {
	Name string
	N    int
}

// barWidth is the width of the bar, without its brackets.
const barWidth = 20

// draw draws the line over the one before. It measures the terminal each time, which may have been
// resized, and draws nothing while another line is unfinished.
func (st *Status) draw() {
	s := st.out.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	line := st.line(st.out.Width() - 1) // a full last column would wrap
	if s.midway || s.asking || line == "" || s.drawn != nil && line == st.last {
		return
	}
	_, _ = st.out.write([]byte("\r" + line + "\x1b[K"))
	s.drawn, st.last = st.out, line
}

// clear takes the status line off the screen. The caller holds mu.
func (s *screen) clear() {
	if s.drawn != nil {
		_, _ = s.drawn.write([]byte("\r\x1b[K"))
		s.drawn = nil
	}
}

// printLine prints a plain line.
func (st *Status) printLine() {
	if line := st.line(0); line != "" {
		st.print(line)
	}
}

// line returns the line for a width, or a plain line if this is 0. It is empty before the first
// update.
func (st *Status) line(width int) string {
	st.mu.Lock()
	p, done, since := st.progress, st.progress.Done-st.base, st.since
	st.mu.Unlock()
	if since.IsZero() {
		return ""
	}
	numbers := p.numbers(done, time.Since(since))
	if width <= 0 {
		return join(Safe(p.Label), numbers)
	}
	for _, line := range []string{
		join(Safe(p.Label), p.bar(), numbers),
		join(Safe(p.Label), numbers),
	} {
		if Width(line) <= width {
			return line
		}
	}
	return Cut(numbers, width)
}

// bar returns the bar, or nothing if the total is not known.
func (p Progress) bar() string {
	if p.Total <= 0 {
		return ""
	}
	full := int(int64(barWidth) * int64(min(max(p.Done, 0), p.Total)) / int64(p.Total))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}

// numbers returns everything but label and bar. Done things took some time.
func (p Progress) numbers(done int, took time.Duration) string {
	parts := []string{strconv.Itoa(p.Done)}
	if p.Total > 0 {
		total := strconv.Itoa(p.Total)
		parts[0] = fmt.Sprintf("%*d/%s", len(total), p.Done, total)
	}
	for _, c := range p.Counts {
		parts = append(parts, Safe(c.Name)+" "+strconv.Itoa(c.N))
	}
	if done > 0 && took >= time.Second {
		rate := float64(done) / took.Seconds()
		parts = append(parts, fmt.Sprintf("%5s", rateInWords(rate)))
		if left := p.Total - p.Done; left > 0 {
			parts = append(parts, Duration(secondsFor(left, rate))+" left")
		}
	}
	return join(parts...)
}

// secondsFor returns how long things take at a rate, at most a thousand days.
func secondsFor(things int, rate float64) time.Duration {
	const most = 1000 * 24 * time.Hour
	return time.Duration(min(float64(things)/rate, most.Seconds()) * float64(time.Second))
}

func rateInWords(rate float64) string {
	switch {
	case rate >= 9.95:
		return fmt.Sprintf("%.0f/s", rate)
	case rate >= 0.095:
		return fmt.Sprintf("%.1f/s", rate)
	}
	return fmt.Sprintf("%.1f/min", rate*60)
}

// join joins what is not empty.
func join(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		if part != "" && b.Len() > 0 {
			b.WriteString("  ")
		}
		b.WriteString(part)
	}
	return b.String()
}
