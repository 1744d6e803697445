package command_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// The page is read in a real browser. One tab after the other is open, because browsers do not draw
// tabs in the background, and then keys and clicks wait.
func TestPage(t *testing.T) {
	t.Parallel()
	b, file := startBrowser(t), pageOf(t, shopPlan(t))
	for name, test := range map[string]func(t *testing.T, b browser, file string){
		"it makes no request and no complaint":     testPageMakesNoRequest,
		"it runs no script and loads nothing else": testPageRunsNothingElse,
		"a search finds names, parts and digests":  testPageSearch,
		"filters are by verdict and by rule":       testPageFilters,
		"rows fold by mouse and by key":            testPageFolds,
		"it reads without scripts":                 testPageWithoutScripts,
		"it has other colors for those who prefer": testPageColors,
		"text and background differ enough":        testPageContrast,
		"it fits a telephone":                      testPageOnATelephone,
		"what goes is unfolded on paper":           testPageOnPaper,
		"assistive technology finds its way":       testPageAccessibility,
	} {
		t.Run(name, func(t *testing.T) { test(t, b, file) })
	}
}

func testPageMakesNoRequest(t *testing.T, b browser, file string) {
	opened := b.tab(t)
	var mu sync.Mutex
	var requested, complaints []string
	if err := chromedp.Listen(opened.ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			requested = append(requested, e.Request.URL)
		case *log.EventEntryAdded: // such as what the content security policy refuses
			complaints = append(complaints, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	call(opened, network.Enable, network.EnableParams{})
	call(opened, log.Enable, cdp.Empty{})
	call(opened, runtime.Enable, cdp.Empty{})
	opened.do(chromedp.Navigate(fileURL(file)), chromedp.SendKeys(chromedp.CSS("#find"), "linux/arm64"))
	opened.await(`document.getElementById("found").value !== ""`)
	opened.do(chromedp.Click(chromedp.CSS("#open")), chromedp.Click(chromedp.CSS("#close")), chromedp.Click(chromedp.CSS(".policy summary")))
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{fileURL(file)}, requested); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(complaints) > 0 {
		t.Errorf("%q", complaints)
	}
}

func testPageRunsNothingElse(t *testing.T, b browser, file string) {
	var mu sync.Mutex
	var requested []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		requested = append(requested, r.URL.Path)
		if r.URL.Path == "/plan.html" {
			http.ServeFile(w, r, file)
		}
	}))
	t.Cleanup(server.Close)
	opened := b.tab(t)
	opened.do(chromedp.Navigate(server.URL + "/plan.html"))
	refused := evaluate[bool](opened, `(() => {
		window.refused = [];
		document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
		const add = (name, attributes, text) => {
			const element = document.createElement(name);
			for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
			element.textContent = text || "";
			document.body.append(element);
		};
		add("script", {}, "window.ran = true");
		add("script", {src: "/script.js"});
		add("style", {}, "body { display: none }");
		add("link", {rel: "stylesheet", href: "/style.css"});
		add("p", {style: "color: red", id: "styled"});
		add("button", {onclick: "window.ran = true", id: "handler"});
		add("img", {src: "/image.png"});
		add("iframe", {src: "/frame.html"});
		document.getElementById("handler").click();
		fetch("/fetch").catch(() => {});
		return !window.ran && document.body.checkVisibility();
	})()`)
	if !refused {
		t.Error("a script or a style was accepted that is not the page's own")
	}
	opened.await(`["script-src-elem", "script-src-attr", "style-src-elem", "style-src-attr", "img-src", "frame-src", "connect-src"]
		.every((directive) => refused.includes(directive))`)
	if evaluate[bool](opened, `!!window.ran`) {
		t.Error("a script ran")
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"/plan.html"}, requested); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func testPageSearch(t *testing.T, b browser, file string) {
	opened := b.open(t, file)
	all := opened.visibleRows()
	for _, test := range []struct {
		query string
		want  []string
	}{
		{"PR-1", []string{"remove pr-11", "keep pr-14", "keep pr-15", "keep 1.2.0, pr-13", "keep pr-12"}},
		{"linux/arm64", []string{"remove 1.1.0", "keep 1.2.0, pr-13"}},
		{"signature", []string{"remove 1.1.0"}},
		{"no usable date", []string{"keep pr-15"}},
		{string(shopPlan(t).Header().Tags), nil},
		{"<script>", nil},
	} {
		opened.do(chromedp.KeyEvent("/"))
		opened.search(test.query)
		opened.awaitRows(test.query, test.want...)
	}
	if !evaluate[bool](opened, `document.getElementById("nothing").checkVisibility()`) {
		t.Error("the page does not say that nothing matches")
	}
	opened.search("1.2")
	opened.await(`document.querySelector("details[open] > ul .why") !== null`) // 1.1.0: a part of it matches
	opened.search("\b")
	opened.awaitRows("after the search", all...)
	if n := evaluate[int](opened, `document.querySelectorAll(".list > ul > li > details[open]").length`); n != 0 {
		t.Errorf("%d rows are left open", n)
	}
}

func testPageFilters(t *testing.T, b browser, file string) {
	opened := b.open(t, file)
	opened.do(chromedp.Click(chromedp.CSS(`input[value=keep]`)))
	opened.awaitRows("all but keep", "remove 1.0.0", "remove 1.1.0", "remove nightly-20261118", "remove nightly-20261119", "remove pr-11", "untag build-7")
	opened.do(chromedp.Click(chromedp.CSS(`input[value=keep]`)), chromedp.Click(chromedp.CSS(`input[value=remove]`)), chromedp.Click(chromedp.CSS(`input[value=untag]`)))
	for _, row := range opened.visibleRows() {
		if !strings.HasPrefix(row, "keep ") {
			t.Errorf("%s is shown where only what stays is due", row)
		}
	}
	opened.do(chromedp.Click(chromedp.CSS(`input[value=remove]`)), chromedp.Click(chromedp.CSS(`input[value=untag]`)), chromedp.SendKeys(chromedp.CSS("#rule"), "remove: old rel"))
	opened.awaitRows("of a rule", "remove 1.0.0", "remove 1.1.0", "keep 1.2.0, pr-13", "keep 1.3.0, latest")
	if sections := evaluate[int](opened, `[...document.querySelectorAll(".list")].filter((list) => list.checkVisibility()).length`); sections != 2 {
		t.Errorf("%d lists are shown, two have rows", sections)
	}
}

func testPageFolds(t *testing.T, b browser, file string) {
	opened := b.open(t, file)
	const folded = `!([...document.querySelectorAll(".list li li .name")].find((name) => name.textContent === "signature").checkVisibility())`
	if !evaluate[bool](opened, folded) {
		t.Error("rows are not folded at first")
	}
	summary := chromedp.CSS(opened.summary("remove", "1.1.0"))
	opened.do(chromedp.Click(summary))
	opened.await("!" + folded)
	opened.do(chromedp.SendKeys(summary, "\r"))
	opened.await(folded)
	opened.do(chromedp.SendKeys(summary, " "))
	opened.await("!" + folded)
	opened.do(chromedp.Click(chromedp.CSS("#open")))
	if n := evaluate[int](opened, `document.querySelectorAll(".list details:not([open])").length`); n > 0 {
		t.Errorf("%d rows are still folded", n)
	}
	opened.do(chromedp.Click(chromedp.CSS("#close")))
	opened.await(folded)
}

func testPageWithoutScripts(t *testing.T, b browser, file string) {
	opened := b.tab(t)
	call(opened, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	opened.do(chromedp.Navigate(fileURL(file)))
	if rows := opened.visibleRows(); len(rows) != 21 {
		t.Errorf("%d rows are shown: %q", len(rows), rows)
	}
	if evaluate[bool](opened, `document.getElementById("filters").checkVisibility()`) {
		t.Error("a search is shown that does nothing")
	}
	summary := opened.summary("remove", "1.1.0")
	opened.do(chromedp.Click(chromedp.CSS(summary)))
	if !evaluate[bool](opened, `document.querySelector("`+summary+`").parentElement.open`) {
		t.Error("a row does not unfold")
	}
}

func testPageAccessibility(t *testing.T, b browser, file string) {
	opened := b.open(t, file)
	roles, names := accessibleNodes(opened)
	for range 1000 { // rows become a part of the tree when they are drawn
		if roles["DisclosureTriangle"] >= 20 {
			break
		}
		opened.awaitFrame()
		roles, names = accessibleNodes(opened)
	}
	for _, role := range []string{"checkbox", "combobox", "searchbox", "button", "DisclosureTriangle", "region", "heading"} {
		if names[role+" "] {
			t.Errorf("a %s has no name", role)
		}
	}
	for role, least := range map[string]int{"banner": 1, "main": 1, "contentinfo": 1, "search": 1, "status": 1, "region": 7, "heading": 8, "DisclosureTriangle": 20, "listitem": 20} {
		if roles[role] < least {
			t.Errorf("%d times %s, want at least %d of them; there are %v", roles[role], role, least, roles)
		}
	}
	for _, want := range []string{"searchbox Search", "combobox Rule", "checkbox remove 5", "heading registry.example.com/team/shop", "region Removed 5"} {
		if !names[want] {
			t.Errorf("no %s; there are %q", want, slices.Sorted(maps.Keys(names)))
		}
	}
}

// accessibleNodes returns what assistive technology is told of a page: how many nodes there are of each
// role, and which roles have which names, such as "searchbox Search".
func accessibleNodes(opened *tab) (roles map[string]int, names map[string]bool) {
	roles, names = make(map[string]int), make(map[string]bool)
	for _, node := range call(opened, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if !node.Ignored && node.Role != nil {
			roles[text(node.Role)]++
			names[text(node.Role)+" "+text(node.Name)] = true
		}
	}
	return roles, names
}
