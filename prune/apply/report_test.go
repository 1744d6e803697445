package apply_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

func digestOf(digit string) regret.Digest {
	return regret.Digest("sha256:" + strings.Repeat(digit, 64))
}

// fullReport has something in each of its fields.
func fullReport() *apply.Report {
	return &apply.Report{
		Plan: digestOf("f"), Registry: host, Repository: repository,
		Started: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Ended: time.Date(2026, 1, 31, 12, 0, 1, 5e8, time.UTC),
		Resumed: true, Problem: "something that was to stay is gone",
		Lost:         []apply.Lost{{Tag: "latest", Digest: digestOf("1")}, {Tag: "pr-9", Digest: digestOf("2"), Ours: true}},
		StillPresent: []apply.Remnant{{Tag: "pr-1", Digest: digestOf("a"), Served: true}, {Tag: "pr-2", Digest: digestOf("a")}},
		Survival: &apply.Survival{Images: 3, Manifests: 5, Blobs: 8, Missing: []apply.Damage{
			{Image: digestOf("3"), Tag: "v1", Digest: digestOf("4"), Ours: true},
			{Image: digestOf("3"), Digest: digestOf("5"), Before: true},
			{Image: digestOf("3"), Tag: "v1", Digest: digestOf("6")},
		}},
		Results: []apply.Result{
			{Step: 0, Action: plan.Delete, Digest: digestOf("a"), Tags: []string{"pr-1", "pr-2"}, Status: apply.Deleted, Bytes: 2048},
			{Step: 1, Action: plan.Delete, Digest: digestOf("b"), Tags: []string{"1", "2", "3", "4", "5"}, Status: apply.Refused, Kind: regret.ErrImmutable, Reason: "it is locked", Bytes: 4096, Err: errors.New("locked")},
			{Step: 2, Action: plan.Delete, Digest: digestOf("c"), Status: apply.Held, Reason: "another must go before it"},
			{Step: 3, Action: plan.Untag, Digest: digestOf("d"), Tags: []string{"old"}, Status: apply.Untagged},
			{Step: 4, Action: plan.Delete, Digest: digestOf("e"), Status: apply.NotAttempted},
		},
	}
}

func TestReportForPeople(t *testing.T) {
	t.Parallel()
	want := `registry.example/team/app   1 deleted, 1 untagged, 1 held, 1 refused, 1 not attempted   frees at most 2.0 KiB, after garbage collection
LOST: the tag latest, last seen on sha256:1; it was pushed onto one of the deleted manifests in the moment before, or somebody else removed it
LOST: the tag pr-9, last seen on sha256:2; this run took it away
To get back what this run took, restore the archive of the plan sha256:f with undo.Restore.
still present: the tag pr-1: still serves sha256:a, or it was pushed again
still present: the tag pr-2: listed, but leads nowhere
what stays is served: 3 images, 5 manifests, 8 blobs
missing: sha256:4, which v1 needs; this run deleted it: restore the archive
missing: sha256:5, which sha256:3 needs; it was missing before
missing: sha256:6, which v1 needs
the run ended with: something that was to stay is gone
1, 2, 3 and 2 more (sha256:b): refused: it is locked
sha256:c: held: another must go before it
`
	got := fullReport().String()
	for _, digit := range "123456abcdef" {
		got = strings.ReplaceAll(got, string(digestOf(string(digit))), "sha256:"+string(digit))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Run("of a run without steps", func(t *testing.T) {
		t.Parallel()
		got := (&apply.Report{Registry: host, Repository: repository}).String()
		if want := "registry.example/team/app   nothing to do\n"; got != want {
			t.Errorf("got %q", got)
		}
	})
	t.Run("it is not endless, and shows nothing that harms a terminal", func(t *testing.T) {
		t.Parallel()
		r := fullReport()
		for i := range 1000 {
			r.Lost = append(r.Lost, apply.Lost{Tag: fmt.Sprint(i)})
			r.StillPresent = append(r.StillPresent, apply.Remnant{Tag: fmt.Sprint(i)})
			r.Survival.Missing = append(r.Survival.Missing, apply.Damage{})
			r.Results = append(r.Results, apply.Result{Step: 5 + i, Status: apply.Failed, Reason: "\x1b[31m" + strings.Repeat("x", 10_000)})
		}
		text := r.String()
		if len(text) > 40_000 || strings.Contains(text, "\x1b") || !strings.Contains(text, "\nand 982 more\n") {
			t.Errorf("%d bytes:\n%s", len(text), text[:2000])
		}
	})
}

func TestReportOnPaper(t *testing.T) {
	t.Parallel()
	r := fullReport()
	var b bytes.Buffer
	n, err := r.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes, error %v", n, err)
	}
	got := b.String()
	for _, digit := range "123456abcdef" {
		got = strings.ReplaceAll(got, string(digestOf(string(digit))), "sha256:"+string(digit))
	}
	want := `{"regret":"report/1",
"registry":"registry.example",
"repository":"team/app",
"plan":"sha256:f",
"started":"2026-01-31T12:00:00Z",
"ended":"2026-01-31T12:00:01.5Z",
"resumed":true,
"problem":"something that was to stay is gone",
"totals":{"bytes":2048,"deleted":1,"held":1,"not attempted":1,"refused":1,"steps":5,"untagged":1},
"lost":[{"tag":"latest","digest":"sha256:1"},{"tag":"pr-9","digest":"sha256:2","ours":true}],
"stillPresent":[{"tag":"pr-1","digest":"sha256:a","served":true},{"tag":"pr-2","digest":"sha256:a"}],
"survival":{"images":3,"manifests":5,"blobs":8,"missing":[{"image":"sha256:3","tag":"v1","digest":"sha256:4","ours":true},{"image":"sha256:3","digest":"sha256:5","before":true},{"image":"sha256:3","tag":"v1","digest":"sha256:6"}]},
"results":[
{"step":0,"action":"delete","digest":"sha256:a","tags":["pr-1","pr-2"],"status":"deleted","bytes":2048},
{"step":1,"action":"delete","digest":"sha256:b","tags":["1","2","3","4","5"],"status":"refused","reason":"it is locked","kind":"immutable","bytes":4096},
{"step":2,"action":"delete","digest":"sha256:c","status":"held","reason":"another must go before it"},
{"step":3,"action":"untag","digest":"sha256:d","tags":["old"],"status":"untagged"},
{"step":4,"action":"delete","digest":"sha256:e","status":"not attempted"}
]}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	read, err := apply.ReadReport(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, read, cmpopts.IgnoreFields(apply.Result{}, "Err")); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	t.Run("as a part of something else", func(t *testing.T) {
		t.Parallel()
		raw, err := json.Marshal(map[string]any{"reports": []*apply.Report{r}})
		if err != nil {
			t.Fatal(err)
		}
		var read struct{ Reports []*apply.Report }
		if err := json.Unmarshal(raw, &read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]*apply.Report{r}, read.Reports, cmpopts.IgnoreFields(apply.Result{}, "Err")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a disk that is full", func(t *testing.T) {
		t.Parallel()
		if _, err := r.WriteTo(fullDisk{}); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("error %v", err)
		}
	})
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestReportsThatAreRefused(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if _, err := fullReport().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for name, replace := range map[string][2]string{
		"another version":         {`report/1`, `report/2`},
		"something else":          {`"regret":"report/1",`, ``},
		"an unknown member":       {`"resumed":true`, `"resumed":true,"extra":1`},
		"a member twice":          {`"resumed":true`, `"resumed":true,"resumed":true`},
		"a member is missing":     {`"repository":"team/app",`, ``},
		"an unknown status":       {`"status":"held"`, `"status":"shredded"`},
		"another status":          {`"status":"held"`, `"status":"deleted"`},
		"other totals":            {`"bytes":2048,"deleted":1`, `"bytes":2049,"deleted":1`},
		"no totals":               {`"totals":{`, `"problem":"","total":{`},
		"a step is missing":       {`{"step":2,`, `{"step":3,`},
		"an unknown field":        {`{"step":2,`, `{"size":1,"step":2,`},
		"more after its end":      {"]}\n", "]}\n{}"},
		"it ends too early":       {"]}\n", ""},
		"the results are no list": {`"results":[`, `"results":{`},
		"no object":               {`{"regret"`, `["regret"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(b.String(), replace[0], replace[1], 1)
			if changed == b.String() {
				t.Fatalf("there is no %s", replace[0])
			}
			if read, err := apply.ReadReport(strings.NewReader(changed)); err == nil {
				t.Errorf("it is read as %v", read)
			}
		})
	}
}

// TestTotalsAddUp adds up results in whatever way they are divided among reports.
func TestTotalsAddUp(t *testing.T) {
	t.Parallel()
	statuses := []apply.Status{
		apply.Deleted, apply.Untagged, apply.Quarantined, apply.Spared, apply.AlreadyGone, apply.Stale, apply.Held,
		apply.Refused, apply.Failed, apply.Unknown, apply.NotAttempted,
	}
	rapid.Check(t, func(t *rapid.T) {
		var all apply.Report
		var sum apply.Totals
		for range rapid.IntRange(0, 5).Draw(t, "reports") {
			var r apply.Report
			for range rapid.IntRange(0, 9).Draw(t, "results") {
				result := apply.Result{Status: rapid.SampledFrom(statuses).Draw(t, "status"), Bytes: rapid.Int64Range(0, 1<<40).Draw(t, "bytes")}
				r.Results = append(r.Results, result)
				all.Results = append(all.Results, result)
			}
			sum = sum.Add(r.Totals())
		}
		want := all.Totals()
		if diff := cmp.Diff(want, sum, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-whole +sum):\n%s", diff)
		}
		steps := 0
		for _, n := range want.ByStatus {
			steps += n
		}
		if steps != want.Steps || steps != len(all.Results) {
			t.Errorf("%d results, %d steps, %d results by status", len(all.Results), want.Steps, steps)
		}
		for _, s := range slices.Sorted(maps.Keys(want.ByStatus)) {
			if !strings.Contains(want.String(), string(s)) {
				t.Errorf("%q does not name %s", want, s)
			}
		}
	})
}

// FuzzReport reads any report. What can be read is written and read again without a change.
func FuzzReport(f *testing.F) {
	var b bytes.Buffer
	if _, err := fullReport().WriteTo(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"regret":"report/1","registry":"","repository":"","plan":"","started":"2026-01-31T12:00:00Z","ended":"2026-01-31T12:00:00Z","resumed":false,"totals":{"steps":0,"bytes":0},"results":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := apply.ReadReport(bytes.NewReader(data))
		if err != nil {
			return
		}
		_ = read.String()
		var b bytes.Buffer
		if _, err := read.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		again, err := apply.ReadReport(&b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-read +again):\n%s", diff)
		}
	})
}
