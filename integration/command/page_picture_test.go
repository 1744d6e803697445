package command_test

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

var updatePicture = flag.Bool("update-picture", false, "take the picture of the page in docs/images anew")

const (
	pictureFile  = "../../docs/images/plan-page.png"
	pictureWidth = 980 // of each half
)

// The picture in the documentation shows the page of the shop in light and dark colors. It is taken
// with -update-picture only, because fonts and browsers differ. Without, the test checks that it can
// be taken, and that the one in the documentation is small enough to be shown there.
func TestPicture(t *testing.T) {
	t.Parallel()
	opened := startBrowser(t).open(t, pageOf(t, shopPlan(t)))
	opened.do(chromedp.EmulateViewport(pictureWidth, 900))
	height := evaluate[int64](opened, `(() => {
		const removed = document.querySelector("[aria-labelledby=removed]");
		[...removed.querySelectorAll("details")].find((row) => row.querySelector(".name").textContent === "1.1.0").open = true;
		return Math.ceil(document.querySelector("[aria-labelledby=doubtful]").getBoundingClientRect().bottom + scrollY) + 24;
	})()`)
	opened.do(chromedp.EmulateViewport(pictureWidth, height))
	var halves []image.Image
	for _, scheme := range []string{"light", "dark"} {
		opened.colors(scheme)
		taken, err := chromedp.Run(opened.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		half, err := png.Decode(bytes.NewReader(taken))
		if err != nil {
			t.Fatal(err)
		}
		if size := half.Bounds().Size(); size != image.Pt(pictureWidth, int(height)) {
			t.Fatalf("the picture has %v pixels", size)
		}
		halves = append(halves, half)
	}
	if *updatePicture {
		var b bytes.Buffer
		encoder := png.Encoder{CompressionLevel: png.BestCompression}
		if err := encoder.Encode(&b, beside(halves[0], halves[1])); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(pictureFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(pictureFile)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 150_000 {
		t.Errorf("the picture has %d bytes", info.Size())
	}
}

// beside puts two pictures of the same size side by side, and reduces them to the 128 colors that
// they have most of. That leaves them as sharp as they are, and makes the file much smaller.
func beside(left, right image.Image) *image.Paletted {
	size := left.Bounds().Size()
	whole := image.NewRGBA(image.Rect(0, 0, 2*size.X, size.Y))
	draw.Draw(whole, left.Bounds(), left, image.Point{}, draw.Src)
	draw.Draw(whole, right.Bounds().Add(image.Pt(size.X, 0)), right, image.Point{}, draw.Src)
	seen := make(map[color.RGBA]int)
	for i := 0; i < len(whole.Pix); i += 4 {
		seen[color.RGBA{whole.Pix[i], whole.Pix[i+1], whole.Pix[i+2], 255}]++
	}
	colors := slices.SortedFunc(maps.Keys(seen), func(a, b color.RGBA) int {
		return cmp.Or(seen[b]-seen[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var palette color.Palette
	for _, c := range colors[:min(128, len(colors))] {
		palette = append(palette, c)
	}
	reduced := image.NewPaletted(whole.Bounds(), palette)
	draw.Draw(reduced, whole.Bounds(), whole, image.Point{}, draw.Src)
	return reduced
}
