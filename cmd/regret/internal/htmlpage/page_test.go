package htmlpage_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/htmlpage"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

var update = flag.Bool("update", false, "write the golden page instead of comparing with it")

// page returns the page of a plan.
func page(tb testing.TB, p *plan.Plan) string {
	tb.Helper()
	var b bytes.Buffer
	if err := htmlpage.Write(&b, p); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// content is what is between the tags of an element that a page has once.
func content(tb testing.TB, page, element string) string {
	tb.Helper()
	_, rest, _ := strings.Cut(page, "<"+element+">")
	text, _, ok := strings.Cut(rest, "</"+element+">")
	if !ok || strings.Count(page, "<"+element) != 1 {
		tb.Fatalf("not exactly one element %s", element)
	}
	return text
}

// After a change that is intended, run go test -update. Style and script are not in the golden file.
func TestThePageOfASmallPlan(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*plan.Plan{
		"shop":  shop(t).plan(t, shopRules),
		"empty": newRepository().plan(t, `{"version":1,"remove":[{"name":"pull requests","tags":"pr-*"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := page(t, p)
			for _, element := range []string{"style", "script"} {
				got = strings.Replace(got, content(t, got, element), "…", 1)
			}
			got = regexp.MustCompile(`sha256-[A-Za-z0-9/&#;]+`).ReplaceAllString(got, "sha256-…")
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestThePageAllowsItsOwnStyleAndScriptOnly(t *testing.T) {
	t.Parallel()
	got := page(t, shop(t).plan(t, shopRules))
	source := func(element string) string {
		sum := sha256.Sum256([]byte(content(t, got, element)))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	m := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(got)
	if m == nil {
		t.Fatal("no content security policy")
	}
	want := "default-src 'none'; style-src " + source("style") + "; script-src " + source("script") + "; base-uri 'none'; form-action 'none'"
	if diff := cmp.Diff(want, strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(m[1])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if at := strings.Index(got, "Content-Security-Policy"); at > strings.Index(got, "<style>") {
		t.Error("the policy comes after the style, to which it does not apply then")
	}
	for _, loads := range []string{"://", "url(", "@import", " src=", " href=", "<link", "<iframe", "<img", "<base", " style=", " on", "javascript:"} {
		markup := got
		if loads == " on" { // which is a word, too
			markup = strings.Join(regexp.MustCompile(`<[^<>]*>`).FindAllString(strings.Replace(got, content(t, got, "script"), "", 1), -1), "")
		}
		if strings.Contains(markup, loads) {
			t.Errorf("the page has %q", loads)
		}
	}
}

func TestThePageIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	want := page(t, shop(t).plan(t, shopRules))
	for range 5 {
		if diff := cmp.Diff(want, page(t, shop(t).plan(t, shopRules))); diff != "" {
			t.Fatalf("(-first +again):\n%s", diff)
		}
	}
}

func TestThePageSaysHowToApplyThePlan(t *testing.T) {
	t.Parallel()
	p := shop(t).plan(t, shopRules)
	want := "regret apply plan.json --expect " + string(p.Digest()) + "</pre>"
	if got := page(t, p); !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
}

// failing is a writer that fails after some bytes.
type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestAFailureToWriteIsReturned(t *testing.T) {
	t.Parallel()
	p := many(t, 200)
	full := errors.New("no space left")
	for _, left := range []int{0, 70_000, len(page(t, p)) - 1} {
		if err := htmlpage.Write(&failing{left, full}, p); !errors.Is(err, full) {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
}
