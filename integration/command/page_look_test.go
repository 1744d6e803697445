package command_test

import (
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// text returns a value of the accessibility tree.
func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	s, err := strconv.Unquote(string(v.Value))
	if err != nil {
		return string(v.Value)
	}
	return s
}

func testPageColors(t *testing.T, b browser, file string) {
	opened := b.open(t, file)
	colors := make(map[string]string)
	for _, scheme := range []string{"light", "dark"} {
		opened.colors(scheme)
		colors[scheme] = evaluate[string](opened, `getComputedStyle(document.documentElement).backgroundColor + " " + getComputedStyle(document.body).color`)
	}
	if colors["light"] != "rgb(255, 255, 255) rgb(26, 31, 38)" || colors["dark"] != "rgb(18, 21, 26) rgb(228, 232, 237)" {
		t.Errorf("background and text are %v", colors)
	}
}

// contrasts is an expression: the texts whose contrast is below what WCAG 2.2 asks for at level AA.
//
// See https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
const contrasts = `(() => {
	const parts = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = (color) => {
		const [r, g, b] = parts(color).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (element) => {
		for (; element; element = element.parentElement) {
			const color = getComputedStyle(element).backgroundColor;
			if ((parts(color)[3] ?? 1) === 1) return color;
		}
		return "rgb(255, 255, 255)";
	};
	const low = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const element = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
		const [light, dark] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a);
		const ratio = (light + 0.05) / (dark + 0.05);
		if (ratio < 4.5) low.add(ratio.toFixed(2) + " " + walker.currentNode.data.trim());
	}
	return [...low];
})()`

func testPageContrast(t *testing.T, b browser, file string) {
	opened := b.open(t, file)
	opened.do(chromedp.Click(chromedp.CSS("#open")))
	for _, scheme := range []string{"light", "dark"} {
		opened.colors(scheme)
		if low := evaluate[[]string](opened, contrasts); len(low) > 0 {
			t.Errorf("%s: %q", scheme, low)
		}
	}
}

func testPageOnATelephone(t *testing.T, b browser, file string) {
	opened := b.tab(t)
	opened.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile), chromedp.Navigate(fileURL(file)), chromedp.Click(chromedp.CSS("#open")), chromedp.Click(chromedp.CSS(".policy summary")))
	if width := evaluate[int](opened, `document.documentElement.scrollWidth`); width > 360 {
		t.Errorf("the page is %d pixels wide", width)
	}
	if rows := opened.visibleRows(); len(rows) != 21 {
		t.Errorf("%d rows are shown: %q", len(rows), rows)
	}
}

func testPageOnPaper(t *testing.T, b browser, file string) {
	opened := b.open(t, file)
	call(opened, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if evaluate[bool](opened, `document.getElementById("filters").checkVisibility()`) {
		t.Error("the search is on paper")
	}
	const part = `[...document.querySelectorAll(".list li li .name")].find((name) => name.textContent === "signature").getBoundingClientRect().height > 0`
	if !evaluate[bool](opened, part) {
		t.Error("what goes with an image is folded away")
	}
	if pdf, err := chromedp.Run(opened.ctx, chromedp.PrintToPDF()); err != nil || len(pdf) < 10_000 {
		t.Errorf("printing: %d bytes, %v", len(pdf), err)
	}
}
