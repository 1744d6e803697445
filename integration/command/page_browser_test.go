package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// pageOf returns the name of a file with the page of a plan.
func pageOf(t *testing.T, p *plan.Plan) string {
	t.Helper()
	folder := t.TempDir()
	planFile, pageFile := filepath.Join(folder, "plan.json"), filepath.Join(folder, "plan.html")
	written, err := os.Create(planFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteTo(written); err != nil {
		t.Fatal(err)
	}
	if err := written.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "regret", "show", planFile, "-o", "html")
	cmd.Stdout, cmd.Stderr = out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	return pageFile
}

// fileURL returns the address of a file.
func fileURL(name string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(name)}).String()
}

// A browser is a Chromium without a window.
type browser struct{ ctx context.Context }

// startBrowser starts the browser that is installed, with a profile of its own. It ends with the test.
func startBrowser(t *testing.T) browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
	)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v; is it installed?", err)
	}
	return browser{ctx}
}

// A tab shows a page.
type tab struct {
	*testing.T
	ctx context.Context
}

// tab opens an empty tab of 1280 by 900 pixels.
func (b browser) tab(t *testing.T) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // its context is that of the tab, and must not have a deadline of its own
		t.Fatal(err)
	}
	opened := &tab{t, ctx}
	opened.do(chromedp.EmulateViewport(1280, 900))
	return opened
}

// open opens a page in a tab of its own.
func (b browser) open(t *testing.T, file string) *tab {
	t.Helper()
	opened := b.tab(t)
	opened.do(chromedp.Navigate(fileURL(file)))
	return opened
}

func (t *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// search types into the search box instead of what is there.
func (t *tab) search(query string) {
	t.Helper()
	evaluate[chromedp.Void](t, `document.getElementById("find").select()`)
	t.do(chromedp.SendKeys(chromedp.CSS("#find"), query))
}

// call sends a command to the browser.
func call[P, R any](t *tab, command cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(t.ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// evaluate returns the value of an expression in the page.
func evaluate[T any](t *tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(t.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// await waits until an expression is true.
func (t *tab) await(expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression)); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
}

// awaitFrame waits until the page is drawn once more.
func (t *tab) awaitFrame() {
	t.Helper()
	t.do(chromedp.Evaluate[chromedp.Void](`new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))`, chromedp.EvalAwaitPromise))
}

// colors makes the page look as people see it who prefer dark, or light, colors.
func (t *tab) colors(scheme string) {
	t.Helper()
	call(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// visibleRows is an expression: the verdict and the name of each row that is visible, such as
// "remove pr-11".
const visibleRows = `[...document.querySelectorAll(".list > ul > li")].filter((row) => row.checkVisibility())
	.map((row) => row.querySelector(".verdict").textContent + " " + row.querySelector(".name").textContent)`

func (t *tab) visibleRows() []string {
	t.Helper()
	return evaluate[[]string](t, visibleRows)
}

// awaitRows waits until these rows are visible, and no others. An error names what they are for.
func (t *tab) awaitRows(name string, want ...string) {
	t.Helper()
	rows, err := json.Marshal(append([]string{}, want...))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.ctx, 20*time.Second)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](fmt.Sprintf("JSON.stringify(%s) === JSON.stringify(%s)", visibleRows, rows))); err != nil {
		t.Errorf("%s: %v (-want +got):\n%s", name, err, cmp.Diff(want, t.visibleRows()))
	}
}

// summary returns a selector that finds the line of a row.
func (t *tab) summary(verdict, name string) string {
	t.Helper()
	mark := fmt.Sprintf("row-%s-%s", verdict, strings.ReplaceAll(name, ".", "-"))
	if !evaluate[bool](t, fmt.Sprintf(`(() => {
		const row = [...document.querySelectorAll(".list > ul > li[data-verdict=%s]")].find((row) => row.querySelector(".name").textContent === %q);
		if (row) row.querySelector("summary").id = %q;
		return !!row;
	})()`, verdict, name, mark)) {
		t.Fatalf("no row %s %s", verdict, name)
	}
	return "#" + mark
}
