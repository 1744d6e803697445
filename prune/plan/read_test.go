package plan_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// acmePaper is the plan of acme on paper.
func acmePaper(tb testing.TB) []byte {
	tb.Helper()
	paper, err := os.ReadFile("testdata/acme.json")
	if err != nil {
		tb.Fatal(err)
	}
	return paper
}

func TestReadRefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	paper := acmePaper(t)
	const (
		rc2 = `{"action":"delete","digest":"sha256:0f352d4ff5bd63a551c4003b5e194140f0eddd715cf0f49b9a55203777f95945"`
		pr  = `"tags":["1.0.0"]`
	)
	for name, c := range map[string]struct{ old, new, path, problem string }{
		"a member that is unknown":                  {`"namesAll"`, `"namesall"`, "/namesall", `"namesall" is unknown`},
		"a member that is unknown, in a step":       {`"action"`, `"Action"`, "/steps/0/Action", "unknown object member name"},
		"a member that is unknown, in the totals":   {`"undated":1,"tie"`, `"undated":1,"more":0,"tie"`, "/totals/more", "unknown object member name"},
		"a member twice":                            {`"namesAll":false`, `"namesAll":false,"namesAll":false`, "/namesAll", "duplicate"},
		"a member twice, in a step":                 {`"role":"image"`, `"role":"image","role":"image"`, "/steps/0/role", "duplicate"},
		"a member in another place":                 {`"namesAll":false`, `"totals":{}`, "/totals", `"totals" is not where it belongs; "namesAll" is to come`},
		"a member that is missing":                  {`"namesAll":false,`, ``, "/missing", `"missing" is not where it belongs; "namesAll" is to come`},
		"another first member":                      {`"regret"`, `"Regret"`, "/Regret", `it does not begin with the member "regret"`},
		"another kind of document":                  {`"plan/1"`, `"journal/1"`, "/regret", `it is no plan, but says it is "journal/1"`},
		"a list instead of an object":               {`{"regret"`, `[{"regret"`, "", "there is [ where { belongs"},
		"null for a list":                           {`"rules":[`, `"rules":null,"x":[`, "/rules", "there is null where [ belongs"},
		"a number for a text":                       {`"registry.example.com"`, `7`, "/registry", "another type"},
		"a text for a number":                       {`"size":342`, `"size":"342"`, "/steps/0/size", "another type"},
		"a fraction":                                {`"size":342`, `"size":342.5`, "/steps/0/size", "invalid syntax"},
		"a number that is too large":                {`"size":342`, `"size":9223372036854775808`, "/steps/0/size", "value out of range"},
		"a size below zero":                         {`"size":342`, `"size":-342`, "/steps/0/size", "it is below zero"},
		"no registry":                               {`"registry.example.com"`, `""`, "/registry", "it is no registry"},
		"a registry with control characters":        {`"registry.example.com"`, `"registry\u001b[2J"`, "/registry", "it is no registry"},
		"no repository":                             {`"acme/app"`, `"Acme/App"`, "/repository", "does not fit the grammar"},
		"a time that is none":                       {`"at":"2026-11-26T12:00:00Z"`, `"at":"yesterday"`, "/at", "yesterday"},
		"a time that is the zero time":              {`"at":"2026-11-26T12:00:00Z"`, `"at":"0001-01-01T00:00:00Z"`, "/at", "no time in whole seconds of UTC"},
		"a time in another zone":                    {`"at":"2026-11-26T12:00:00Z"`, `"at":"2026-11-26T13:00:00+01:00"`, "/at", "no time in whole seconds of UTC"},
		"a time with a fraction":                    {`"created":"2026-07-29T12:00:00Z"`, `"created":"2026-07-29T12:00:00.5Z"`, "/steps/0/created", "no time in whole seconds of UTC"},
		"a digest that is none":                     {rc2, `{"action":"delete","digest":"sha256:0f"`, "/steps/0/digest", "invalid checksum digest length"},
		"a digest in upper case":                    {`sha256:0f352d4f`, `sha256:0F352d4f`, "/steps/0/digest", "digest"},
		"a missing digest that is none":             {`"missing":[` + "\n" + `"sha256:`, `"missing":[` + "\n" + `"sha255:`, "/missing/0", "digest"},
		"a child that is no digest":                 {`"lists":["sha256:`, `"lists":["sha256:0`, "/steps/2/lists", "digest"},
		"a subject that is no digest":               {`"subject":"sha256:`, `"subject":"sha256`, "/steps/4/subject", "digest"},
		"a tag that is none":                        {`["2.0.0-rc.2"]`, `["2.0.0 rc.2"]`, "/steps/0/tags", "does not fit the grammar"},
		"a tag twice":                               {`["1.9.0","latest"]`, `["1.9.0","1.9.0"]`, "/kept/8/tags", "not sorted, or has duplicates"},
		"tags that are not sorted":                  {`["1.9.0","latest"]`, `["latest","1.9.0"]`, "/kept/8/tags", "not sorted, or has duplicates"},
		"an action that is unknown":                 {`"action":"delete"`, `"action":"remove"`, "/steps/0/action", "neither delete nor untag"},
		"a role that is unknown":                    {`"role":"image"`, `"role":"picture"`, "/steps/0/role", "it is no role"},
		"a source that is unknown":                  {`"source":"config"`, `"source":"rumour"`, "/steps/0/source", "no source of a date"},
		"a date without a source":                   {`,"source":"config"`, ``, "/steps/0/source", "belong together"},
		"a date that is not usable":                 {`"source":"config"`, `"source":"config","undated":true`, "/steps/0/undated", "there is a date"},
		"a deletion that takes a tag off":           {`"selected":true,"rules"`, `"selected":true,"untag":["2.0.0-rc.2"],"rules"`, "/steps/0/untag", "takes all tags off"},
		"an untag step without a tag":               {`"untag":["build-7"],`, ``, "/steps/8/untag", "takes no tag off"},
		"an untag step with a tag of another":       {`"untag":["build-7"],`, `"untag":["build-8"],`, "/steps/8/untag", "does not have the tag build-8"},
		"bytes below zero":                          {`"bytes":1048630`, `"bytes":-1`, "/steps/0/bytes", "below zero"},
		"more images decided about than matched":    {`"matched":4,"decided":2`, `"matched":1,"decided":2`, "/rules/0/matched", "below decided"},
		"totals below zero":                         {`"tie":1`, `"tie":-1`, "/totals", "below zero"},
		"totals that do not add up":                 {`"images":17`, `"images":18`, "/totals/images", "not the sum"},
		"a reason with something that is no digest": {`"reasons":[{"by":"sha256:`, `"reasons":[{"by":"sha`, "/kept/13/reasons", "digest"},
		"a byte that is no UTF-8":                   {`"the rule`, "\"the \xff rule", "/kept/8/reasons/0/text", "UTF-8"},
		"syntax that is none":                       {pr, `"tags":["1.0.0"}`, "/kept/0/tags", "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Read(bytes.NewReader(edited(t, paper, c.old, c.new)))
			malformed, ok := errors.AsType[*plan.FormatError](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if malformed.Path != c.path || !strings.Contains(malformed.Problem, c.problem) || malformed.Offset < 0 {
				t.Errorf("got %q at %s, byte %d", malformed.Problem, malformed.Path, malformed.Offset)
			}
		})
	}
}

func TestReadRefusesWhatWasChanged(t *testing.T) {
	t.Parallel()
	paper := acmePaper(t)
	sum := contentMember.Find(paper)
	for name, c := range map[string]struct {
		paper   []byte
		problem string
	}{
		"a step that was edited":              {bytes.Replace(paper, []byte("2.0.0-rc.2"), []byte("2.0.0-rc.9"), 1), "was edited or formatted anew"},
		"a digest that is not of the content": {bytes.Replace(paper, sum, withContent(nil), 1), "was edited or formatted anew"},
		"white space":                         {edited(t, paper, `"registry":`, `"registry": `), "was edited or formatted anew"},
		"white space at the end":              {append(bytes.Clone(paper), ' '), "was edited or formatted anew"},
		"no line feed at the end":             {bytes.TrimRight(paper, "\n"), "was edited or formatted anew"},
		"an escape":                           {edited(t, paper, `"acme/app"`, `"acme\/app"`), "was edited or formatted anew"},
		"a member of a step in another place": {edited(t, paper, `"size":342,"role":"image"`, `"role":"image","size":342`), "was edited or formatted anew"},
		"a member that is left out":           {edited(t, paper, `"namesAll":false`, `"namesAll":null`), "was edited or formatted anew"},
		"an empty list that is left out":      {edited(t, paper, `"missing":[`, `"gone":[],`+"\n"+`"missing":[`), "was edited or formatted anew"},
		"another plan behind it":              {append(bytes.Clone(paper), paper...), "more after the end"},
		"half of another plan behind it":      {append(bytes.Clone(paper), "{"...), "more after the end"},
		"a byte order mark":                   {append([]byte("\ufeff"), paper...), "invalid character"},
		"nothing":                             {nil, "ends too early"},
		"something else":                      {[]byte("null\n"), "there is null where { belongs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Read(bytes.NewReader(c.paper))
			malformed, ok := errors.AsType[*plan.FormatError](err)
			if !ok || !strings.Contains(malformed.Problem, c.problem) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadSaysWhichVersionItReads(t *testing.T) {
	t.Parallel()
	_, err := plan.Read(strings.NewReader(`{"regret":"plan/2","whatever":1}`))
	got, ok := errors.AsType[*plan.VersionError](err)
	if want := (plan.VersionError{Version: "plan/2", Supported: "plan/1"}); !ok || *got != want {
		t.Fatalf("got %v", err)
	}
	if want := "the format of the plan is plan/2; this version of regret reads plan/1 only: use the version that made it, or make a new plan"; err.Error() != want {
		t.Errorf("got %q", err)
	}
}

// Every byte of a plan counts: there is none whose change, loss or repetition is not
// noticed.
func TestReadNoticesEveryEditOfOneByte(t *testing.T) {
	t.Parallel()
	paper := onPaper(t, tiny(t))
	for i := range paper {
		for name, edit := range map[string][]byte{
			"changed":  append(append(bytes.Clone(paper[:i]), paper[i]^1), paper[i+1:]...),
			"blanked":  append(append(bytes.Clone(paper[:i]), ' '), paper[i+1:]...),
			"dropped":  append(bytes.Clone(paper[:i]), paper[i+1:]...),
			"repeated": append(bytes.Clone(paper[:i+1]), paper[i:]...),
			"cut here": paper[:i],
		} {
			if bytes.Equal(edit, paper) {
				continue
			}
			if _, err := plan.Read(bytes.NewReader(edit)); err == nil {
				t.Errorf("byte %d, %q, can be %s", i, paper[i], name)
			}
		}
	}
}

// tiny is the plan of a repository with two images.
func tiny(tb testing.TB) *plan.Plan {
	tb.Helper()
	r := newRepository()
	r.image("old", 90, 10, "pr-1")
	r.image("new", 1, 10, "1.0.0")
	return r.plan(tb, `{"version":1,"remove":[{"name":"pull requests","tags":"pr-*","older-than":"30d"}]}`)
}

func TestReadReadsAsSlowlyAsItMust(t *testing.T) {
	t.Parallel()
	paper := acmePaper(t)
	for name, r := range map[string]io.Reader{
		"one byte at a time":     iotest.OneByteReader(bytes.NewReader(paper)),
		"the error with the end": iotest.DataErrReader(bytes.NewReader(paper)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := plan.Read(r); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReadReturnsTheErrorOfTheReader(t *testing.T) {
	t.Parallel()
	paper := acmePaper(t)
	for _, n := range []int{0, 100, len(paper) / 2, len(paper)} {
		r := io.MultiReader(bytes.NewReader(paper[:n]), iotest.ErrReader(errBroken))
		if _, err := plan.Read(r); !errors.Is(err, errBroken) {
			t.Errorf("after %d bytes: got %v", n, err)
		}
	}
	if _, err := plan.Read(emptyReader{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("of a reader that returns nothing: got %v", err)
	}
}

// An emptyReader returns neither data nor an error.
type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

// endless repeats a text.
type endless string

func (e endless) Read(b []byte) (n int, err error) {
	for n < len(b) {
		n += copy(b[n:], e)
	}
	return n, nil
}

func TestReadBoundsWhatItReadsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin, more string
		problem     string
	}{
		"a text without an end": {`{"regret":"plan/1","registry":"`, "x", "larger than 67108864 bytes"},
		"space without an end":  {`{"regret":"plan/1"`, " ", "larger than 67108864 bytes"},
		"lists in lists":        {`{"regret":"plan/1","registry":`, "[", "exceeded max depth"},
		"lists in the policy": {
			`{"regret":"plan/1","registry":"r.example","repository":"app","at":"2026-11-26T12:00:00Z","policy":`, "[", "exceeded max depth",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Read(io.MultiReader(strings.NewReader(c.begin), endless(strings.Repeat(c.more, 4096))))
			malformed, ok := errors.AsType[*plan.FormatError](err)
			if !ok || !strings.Contains(malformed.Problem, c.problem) {
				t.Errorf("got %.300v", err)
			}
		})
	}
}

func TestFormatErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"malformed plan: it is empty":                               &plan.FormatError{Problem: "it is empty"},
		"malformed plan at /steps/3/digest (byte 77): it is none":   &plan.FormatError{Offset: 77, Path: "/steps/3/digest", Problem: "it is none"},
		"malformed plan at /a?[2J: it is unknown":                   &plan.FormatError{Path: "/a\x1b[2J", Problem: "it is unknown"},
		"the plan contradicts itself: it is odd; make a new one":    &plan.VerifyError{Problem: "it is odd"},
		"the plan contradicts itself: sha256:0: no; make a new one": &plan.VerifyError{Digest: "sha256:0", Problem: "no"},
	} {
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
