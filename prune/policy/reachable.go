package policy

import (
	"regexp/syntax"
	"strings"
)

// canMatchTag reports whether a regular expression, anchored at both ends, may match
// a tag. If it returns false there is certainly no such tag; if it returns true,
// there may still be none, because it takes each condition on a word boundary for met.
//
// It runs the program of the expression on all tags at once: after each character it
// knows every instruction that some tag of this length leads to.
func canMatchTag(expression string) bool {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return true // the caller has compiled it
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > maxProgram {
		return true
	}
	w := walk{prog: prog, allowed: map[uint32]bool{}}
	threads := map[uint32]bool{uint32(prog.Start): true}
	for length := 0; length <= tagsOnly.most && len(threads) > 0; length++ {
		if length > 0 && w.closure(threads, length, true)[matched] {
			return true
		}
		threads = w.step(w.closure(threads, length, false), length)
	}
	return false
}

// matched stands for the end of the expression in a set of instructions.
const matched = ^uint32(0)

// maxProgram is how many instructions canMatchTag takes the time to follow. The
// expressions of policies have dozens.
const maxProgram = 5000

type walk struct {
	prog    *syntax.Prog
	allowed map[uint32]bool // by instruction: whether it matches a character that tags have after the first one
}

// closure follows instructions that consume no character, before a tag's character
// of a number, or at the end of the tag.
func (w walk) closure(threads map[uint32]bool, length int, end bool) map[uint32]bool {
	reached := map[uint32]bool{}
	var follow func(pc uint32)
	follow = func(pc uint32) {
		if reached[pc] {
			return
		}
		reached[pc] = true
		switch inst := w.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			follow(inst.Out)
			follow(inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			follow(inst.Out)
		case syntax.InstEmptyWidth:
			// Tags have no line breaks: the ends of lines are those of the tag.
			op := syntax.EmptyOp(inst.Arg)
			atStart := op&(syntax.EmptyBeginLine|syntax.EmptyBeginText) != 0
			atEnd := op&(syntax.EmptyEndLine|syntax.EmptyEndText) != 0
			if (!atStart || length == 0) && (!atEnd || end) {
				follow(inst.Out)
			}
		case syntax.InstMatch:
			reached[matched] = true
		}
	}
	for pc := range threads {
		follow(pc)
	}
	return reached
}

// step returns the instructions after one more character, for all characters that a
// tag can have there.
func (w walk) step(threads map[uint32]bool, length int) map[uint32]bool {
	next := map[uint32]bool{}
	for pc := range threads {
		if pc == matched {
			continue
		}
		inst := &w.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if length == 0 && strings.ContainsFunc(tagsOnly.first, inst.MatchRune) || length > 0 && w.matchesLater(pc) {
				next[inst.Out] = true
			}
		}
	}
	return next
}

func (w walk) matchesLater(pc uint32) bool {
	matches, ok := w.allowed[pc]
	if !ok {
		matches = strings.ContainsFunc(tagsOnly.first+tagsOnly.other, w.prog.Inst[pc].MatchRune)
		w.allowed[pc] = matches
	}
	return matches
}
