package report

import (
	"fmt"
	"html"
	"io"
	"math"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// The layout of the plot, in pixels, for the width at which README.md shows it.
const (
	fullWidth   = 830
	plotLeft    = 198 // where the axis starts
	plotWidth   = 440
	plotTop     = 84
	lineStep    = 36
	valueLeft   = 662 // where the medians are printed
	valueStep   = 58
	markStep    = 9 // between the protocols of a row
	markRadius  = 4
	legendStep  = 150
	logHeadroom = 1.1
)

// The colors are distinguishable with color blindness, on light and on dark backgrounds.
const style = `<style>
text{fill:#1f2328}
.faint{fill:#59636e;font-size:12px}.paper{fill:#fff}.band{fill:#f6f8fa}.grid{stroke:#d8dee4}.one{stroke:#818b98}
.a{fill:#0969da;stroke:#0969da}.b{fill:#c4500a;stroke:#c4500a}.c{fill:#007a5e;stroke:#007a5e}
text.a,text.b,text.c{stroke:none;font-size:12px}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}
.faint{fill:#9198a1}.paper{fill:#0d1117}.band{fill:#161b22}.grid{stroke:#30363d}
.a{fill:#58a6ff;stroke:#58a6ff}.b{fill:#ff9a56;stroke:#ff9a56}.c{fill:#3fcf9f;stroke:#3fcf9f}
}
</style>
`

// SVG draws the wall time of every row relative to bare net/http, on a logarithmic axis, for many
// anonymous callers without added latency.
func SVG(w io.Writer, d Data) {
	least, most := 0.8, 2.0
	forEachSpread := func(draw func(row, protocol int, s Spread)) {
		for p, protocol := range registry.Protocols() {
			c, ok := d.deleteCell(protocol, manyCallers, 0, false)
			for row := range d.Rows {
				if !ok {
					continue
				}
				if s, ok := c.ratio(row, wall); ok {
					draw(row, p, s)
				}
			}
		}
	}
	forEachSpread(func(_, _ int, s Spread) { least, most = min(least, s.Least), max(most, s.Most) })
	x := func(ratio float64) float64 {
		return plotLeft + plotWidth*math.Log(ratio/least)/math.Log(most*logHeadroom/least)
	}
	bottom := plotTop + lineStep*len(d.Rows)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="-apple-system,'Segoe UI','DejaVu Sans',sans-serif" font-size="13">`+"\n%s", fullWidth, bottom+52, style)
	fmt.Fprintf(w, `<rect class="paper" width="%d" height="%d"/>`+"\n", fullWidth, bottom+52)
	fmt.Fprintf(w, `<text x="12" y="26" font-size="16" font-weight="bold">Resolve and delete, %d callers: wall time as a multiple of bare net/http</text>`+"\n", manyCallers)
	for i, p := range registry.Protocols() {
		fmt.Fprintf(w, `<circle class="%s" cx="%d" cy="52" r="5"/><text x="%d" y="57">%s</text>`+"\n", protocolClass(i), plotLeft+legendStep*i, plotLeft+legendStep*i+12, p)
	}
	fmt.Fprintf(w, `<text class="faint" x="%d" y="57">medians</text>`+"\n", valueLeft)
	for i, row := range d.Rows {
		if i%2 == 0 {
			fmt.Fprintf(w, `<rect class="band" x="0" y="%d" width="%d" height="%d"/>`+"\n", plotTop+lineStep*i, fullWidth, lineStep)
		}
		weight := "normal"
		if row.Name == clients.Ours {
			weight = "bold"
		}
		fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end" font-weight="%s">%s</text>`+"\n", plotLeft-14, rowCenter(i)+5, weight, html.EscapeString(row.Name))
	}
	for _, tick := range []float64{0.5, 1, 2, 5, 10, 20, 50, 100, 200} {
		if tick < least || tick > most*logHeadroom {
			continue
		}
		fmt.Fprintf(w, `<line class="%s" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="faint" x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n",
			tickClass(tick), x(tick), x(tick), plotTop, bottom, x(tick), bottom+18, tick)
	}
	forEachSpread(func(row, p int, s Spread) {
		y := rowCenter(row) + markStep*(p-1)
		fmt.Fprintf(w, `<line class="%s" x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke-width="2"/><circle class="%s" cx="%.1f" cy="%d" r="%d"/>`+"\n",
			protocolClass(p), x(s.Least), x(s.Most), y, y, protocolClass(p), x(s.Median), y, markRadius)
		fmt.Fprintf(w, `<text class="%s" x="%d" y="%d">%.2f</text>`+"\n", protocolClass(p), valueLeft+valueStep*p, rowCenter(row)+5, s.Median)
	})
	fmt.Fprintf(w, `<text class="faint" x="12" y="%d">Median and range of %d runs; anonymous, no added latency, logarithmic axis. Differences below %.0f %% are noise.</text>`+"\n</svg>\n",
		bottom+42, d.Rounds, 100*Noise)
}

// rowCenter returns the vertical center of a row.
func rowCenter(row int) int { return plotTop + lineStep*row + lineStep/2 }

// protocolClass returns the CSS class of a protocol's marks.
func protocolClass(protocol int) string { return string(rune('a' + protocol)) }

// tickClass returns the CSS class of a grid line.
func tickClass(tick float64) string {
	if tick == 1 {
		return "one"
	}
	return "grid"
}
