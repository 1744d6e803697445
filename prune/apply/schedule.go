package apply

import (
	"container/heap"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A schedule says which steps may be taken next: those of which everything that must go
// before is gone. A subject also waits for the end of the indexes that list its referrers. The
// first of the plan come first, so that an image is followed by its parts before the next one
// goes.
//
// It is not safe for concurrent use.
type schedule struct {
	isOpen  []bool  // by step: it is to be taken, and has not ended yet
	waits   []int32 // by step: how many steps must end before it
	start   []int32 // by step: where what waits for it begins in waiting
	waiting []int32
	listed  map[int][]int // by step of an index: the subjects that wait for its end, however it ends
	ready   steps
	later   []int // were tried, and are to be tried again when nothing else is left
	taken   int   // and not settled yet
}

// newSchedule returns a schedule of the steps that are open. Of the others it knows which are
// gone; what waits for one that is not is not taken.
func newSchedule(all []plan.Step, byDigest map[regret.Digest]int, unordered map[int][]int, isOpen, isGone func(i int) bool) *schedule {
	n := len(all)
	s := &schedule{isOpen: make([]bool, n), waits: make([]int32, n), start: make([]int32, n+1), listed: make(map[int][]int)}
	for i := range all {
		s.isOpen[i] = isOpen(i)
	}
	for subject, listers := range findListers(all, byDigest, s.isOpen, unordered) {
		s.waits[subject] += int32(len(listers))
		for _, i := range listers {
			s.listed[i] = append(s.listed[i], subject)
		}
	}
	for i := range all {
		for _, before := range all[i].After {
			if b, known := byDigest[before]; known && !isGone(b) {
				s.waits[i]++
				s.start[b+1]++
			}
		}
		if s.isOpen[i] && s.waits[i] == 0 {
			s.ready = append(s.ready, i) // in order, and so a heap
		}
	}
	for i := range n {
		s.start[i+1] += s.start[i]
	}
	s.waiting = make([]int32, s.start[n])
	next := slices.Clone(s.start)
	for i := range all {
		for _, before := range all[i].After {
			if b, known := byDigest[before]; known && !isGone(b) {
				s.waiting[next[b]] = int32(i)
				next[b]++
			}
		}
	}
	return s
}

// hasNext reports whether a step may be taken now, or is to be tried again.
func (s *schedule) hasNext() bool { return len(s.ready)+len(s.later) > 0 }

// take returns up to n steps that may be taken now.
func (s *schedule) take(n int) []int {
	var taken []int
	for len(taken) < n && len(s.ready) > 0 {
		taken = append(taken, heap.Pop(&s.ready).(int))
	}
	s.taken += len(taken)
	return taken
}

// takeLater returns the steps that were put off, once nothing else is left.
func (s *schedule) takeLater() []int {
	if s.taken > 0 || len(s.ready) > 0 {
		return nil
	}
	taken := s.later
	s.later = nil
	s.taken = len(taken)
	return taken
}

// putOff says that a step that was taken is to be tried again.
func (s *schedule) putOff(i int) {
	s.taken--
	s.later = append(s.later, i)
}

// settle says how a step that was taken has ended. It returns the steps that are held by it.
func (s *schedule) settle(i int, gone bool) (held []int) {
	s.taken--
	return s.end(i, gone)
}

func (s *schedule) end(i int, gone bool) (held []int) {
	s.isOpen[i] = false
	for _, j := range s.waiting[s.start[i]:s.start[i+1]] {
		s.waits[j]--
		switch {
		case !s.isOpen[j]:
		case !gone:
			held = append(held, int(j))
			held = append(held, s.end(int(j), false)...)
		case s.waits[j] == 0:
			heap.Push(&s.ready, int(j))
		}
	}
	for _, j := range s.listed[i] {
		if s.waits[j]--; s.isOpen[j] && s.waits[j] == 0 {
			heap.Push(&s.ready, j)
		}
	}
	return held
}

// steps is a heap of numbers of steps.
type steps []int

func (s steps) Len() int           { return len(s) }
func (s steps) Less(i, j int) bool { return s[i] < s[j] }
func (s steps) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *steps) Push(x any)        { *s = append(*s, x.(int)) }
func (s *steps) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}
