package terminal

import (
	"io"
	"sync"
	"time"
)

// A Status shows how far long work is: at a terminal one line below all other output, redrawn in
// place; elsewhere a plain line now and then. Methods may be called by several goroutines at a
// time, and on nil, which shows nothing.
type Status struct {
	out   *Output
	print func(line string)
	stop  func() // may be called twice
	quit  chan struct{}
	done  chan struct{}
	last  string // what was drawn; guarded by the screen's mutex

	mu       sync.Mutex // never held while something is written: a stopped terminal stops no work
	progress Progress
	base     int // of what was done when the rate began to count
	since    time.Time
}

// StatusOptions are the options of [Streams.StartStatus].
type StatusOptions struct {
	Off   bool // shows nothing: --no-progress
	Plain bool // plain lines even at a terminal: -v

	// Print prints a plain line. Nil stands for Err.
	Print func(line string)
}

// How often the status is shown.
const (
	drawInterval  = 100 * time.Millisecond
	plainInterval = 10 * time.Second
)

// StartStatus begins to show the status of some work on Err. The caller closes it before it
// starts another one, asks a question, or prints the outcome. It returns nil for Off.
//
// Without a terminal, or if the terminal cannot redraw (TERM=dumb), the lines are plain.
func (s *Streams) StartStatus(o StatusOptions) *Status {
	if o.Off {
		return nil
	}
	st := &Status{out: s.Err, print: o.Print, quit: make(chan struct{}), done: make(chan struct{})}
	st.stop = sync.OnceFunc(func() { close(st.quit) })
	if st.print == nil {
		st.print = func(line string) { _, _ = io.WriteString(s.Err, line+"\n") }
	}
	if s.Err.redraws && !o.Plain {
		go st.run(drawInterval, st.draw)
	} else {
		go st.run(plainInterval, st.printLine)
	}
	return st
}

// Update says how far the work is. It never waits for the terminal.
func (st *Status) Update(p Progress) {
	if st == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.since.IsZero() || p.Label != st.progress.Label {
		st.base, st.since = p.Done, time.Now()
	}
	st.progress = p
}

// Close takes the line off the screen. Nothing of the status runs after it. A second Close does
// nothing.
func (st *Status) Close() {
	if st == nil {
		return
	}
	st.stop()
	<-st.done
	st.out.screen.mu.Lock()
	defer st.out.screen.mu.Unlock()
	st.out.screen.clear()
}

// run shows the status at an interval until it is closed.
func (st *Status) run(interval time.Duration, show func()) {
	defer close(st.done)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			show()
		case <-st.quit:
			return
		}
	}
}
