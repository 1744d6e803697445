package plan_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/go-digest"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// planCases returns the plans of all scenarios that have one, by id.
func planCases(tb testing.TB) map[string]*plan.Plan {
	tb.Helper()
	all, err := cases.Load()
	if err != nil {
		tb.Fatal(err)
	}
	plans := map[string]*plan.Plan{}
	for _, c := range all {
		if _, p, err := decideCase(c); err == nil {
			plans[c.ID] = p
		}
	}
	if len(plans) < 50 {
		tb.Fatalf("only %d scenarios have a plan", len(plans))
	}
	return plans
}

// fataler is what tests and properties have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// onPaper returns what WriteTo writes.
func onPaper(t fataler, p *plan.Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := p.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo wrote %d bytes and returned %d, %v", b.Len(), n, err)
	}
	return b.Bytes()
}

// checkRoundTrip checks that what WriteTo writes is read as the same plan, which is written
// as the same bytes, of which Digest is the digest.
func checkRoundTrip(t fataler, p *plan.Plan) {
	t.Helper()
	paper := onPaper(t, p)
	got, err := plan.Read(bytes.NewReader(paper))
	if err != nil {
		t.Fatalf("%v\n%s", err, paper)
	}
	if diff := cmp.Diff(p, got, cmp.AllowUnexported(plan.Plan{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the plan changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(string(paper), string(onPaper(t, got))); diff != "" {
		t.Fatalf("the bytes change (-want +got):\n%s", diff)
	}
	if want := digest.FromBytes(paper); p.Digest() != want || got.Digest() != want {
		t.Fatalf("digests %s, %s of bytes with the digest %s", p.Digest(), got.Digest(), want)
	}
}

func TestReadAcceptsWhatWriteToWrites(t *testing.T) {
	t.Parallel()
	plans := planCases(t)
	plans["acme"] = acme().plan(t, acmeRules)
	plans["nothing to do"] = newRepository().plan(t, acmeRules)
	for id, p := range plans {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			checkRoundTrip(t, p)
		})
	}
}

func TestReadAcceptsWhatWriteToWritesOfAnyRepository(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		_, p, err := decideCase(model.Draw(t))
		if refused, ok := errors.AsType[*plan.BrakeError](err); ok {
			_, err := plan.Read(bytes.NewReader(onPaper(t, refused.Plan)))
			again, ok := errors.AsType[*plan.BrakeError](err)
			if !ok {
				t.Fatalf("a plan that limits refuse is read with %v", err)
			}
			if diff := cmp.Diff(refused.Brakes, again.Brakes); diff != "" {
				t.Fatalf("other limits refuse the plan (-want +got):\n%s", diff)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, p)
		if d := parseDocument(t, onPaper(t, p)); d.fault() != "" {
			t.Fatalf("the model finds a fault: %s\n%s", d.fault(), d.paper())
		}
	})
}

func TestTheDocumentOfTheseTestsIsWhatWriteToWrites(t *testing.T) {
	t.Parallel()
	paper := onPaper(t, acme().plan(t, acmeRules))
	d := parseDocument(t, paper)
	d.count()
	if diff := cmp.Diff(string(paper), string(d.paper())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEachStepAndEachManifestThatStaysHasALine(t *testing.T) {
	t.Parallel()
	p := acme().plan(t, acmeRules)
	lines := map[string]bool{}
	for line := range bytes.Lines(onPaper(t, p)) {
		lines[string(bytes.TrimRight(line, ",\n"))] = true
	}
	for s := range p.Steps() {
		if !lines[string(quoted(s))] {
			t.Errorf("no line has the step %s", quoted(s))
		}
	}
	for k := range p.Kept() {
		if !lines[string(quoted(k))] {
			t.Errorf("no line has what stays: %s", quoted(k))
		}
	}
}

// A brokenWriter takes so many bytes, then fails.
type brokenWriter struct{ left int }

var errBroken = errors.New("the disk is full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	n := min(w.left, len(b))
	w.left -= n
	if n < len(b) {
		return n, errBroken
	}
	return n, nil
}

func TestWriteToReturnsTheErrorOfTheWriter(t *testing.T) {
	t.Parallel()
	p := acme().plan(t, acmeRules)
	for _, most := range []int{0, 1, 1000, len(onPaper(t, p)) - 1} {
		t.Run(fmt.Sprintf("after %d bytes", most), func(t *testing.T) {
			t.Parallel()
			n, err := p.WriteTo(&brokenWriter{most})
			if n != int64(most) || !errors.Is(err, errBroken) {
				t.Errorf("got %d, %v", n, err)
			}
		})
	}
	for name, write := range map[string]func(io.Writer) error{
		"Tree":    func(w io.Writer) error { return p.Tree(w, plan.TreeOptions{}) },
		"Mermaid": p.Mermaid,
		"DOT":     p.DOT,
	} {
		if err := write(&brokenWriter{10}); !errors.Is(err, errBroken) {
			t.Errorf("%s returns %v", name, err)
		}
	}
}
