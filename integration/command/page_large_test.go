package command_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A page of 5,000 images is there at once, and a search in it as well. How long that takes depends on
// the machine, so the test only shows the times; if they are out of all proportion, it fails.
func TestPageOfManyImages(t *testing.T) {
	t.Parallel()
	const images, generous = 5_000, 20 * time.Second
	file := pageOf(t, largePlan(t, images))
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)
	opened := b.tab(t)
	opened.do(chromedp.Navigate(fileURL(file)))
	const load = `(() => { const [n] = performance.getEntriesByType("navigation"); return n.domContentLoadedEventEnd - n.startTime; })()`
	loaded := milliseconds(evaluate[float64](opened, load))
	search := func(query string) time.Duration {
		return milliseconds(evaluate[float64](opened, `(() => {
			const find = document.getElementById("find"), began = performance.now();
			find.value = "`+query+`";
			document.getElementById("filters").dispatchEvent(new Event("change"));
			document.body.offsetHeight; // waits for the layout
			return performance.now() - began;
		})()`))
	}
	first, second, wide := search("pr-2499"), search("main-77"), search("linux/arm64")
	opened.search("main-2499")
	opened.awaitRows("typed", "keep main-2499")
	t.Logf("%d images, %.1f MB: loaded after %v; searches take %v, %v and, with %d hits, %v", images, float64(info.Size())/1e6, loaded, first, second, images/2, wide)
	for name, took := range map[string]time.Duration{"loading": loaded, "the first search": first, "the second search": second, "a search with many hits": wide} {
		if took > generous {
			t.Errorf("%s takes %v", name, took)
		}
	}
}

func milliseconds(n float64) time.Duration {
	return time.Duration(n * float64(time.Millisecond)).Round(time.Millisecond)
}
