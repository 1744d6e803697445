package report

import (
	"fmt"
	"html"
	"io"
	"math"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// The plot, in pixels.
const (
	plotLeft  = 212 // where the axis begins
	plotWidth = 520
	plotTop   = 64
	lineStep  = 30
)

// Three colours that the colour-blind can tell apart, and three heights.
func colour(p registry.Protocol) (fill string, shift float64) {
	switch p {
	case registry.HTTP:
		return "#0072b2", -7
	case registry.HTTPS:
		return "#d55e00", 0
	}
	return "#009e73", 7
}

// SVG draws the wall time of every row as a multiple of the floor's, on a
// logarithmic axis: 64 callers, anonymous, nothing added to the latency.
func SVG(w io.Writer, d Data) {
	least, most := 0.8, 2.0
	each := func(draw func(row int, p registry.Protocol, s Spread)) {
		for _, p := range registry.Protocols() {
			c, ok := d.cell(func(c measure.Cell) bool {
				return c.Work == measure.Delete && c.Callers == 64 && c.Latency == 0 && !c.Bearer && c.Protocol == p
			})
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
	each(func(_ int, _ registry.Protocol, s Spread) { least, most = min(least, s.Least), max(most, s.Most) })
	x := func(ratio float64) float64 {
		return plotLeft + plotWidth*math.Log(ratio/least)/math.Log(most*1.1/least)
	}
	bottom := plotTop + lineStep*len(d.Rows)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" fill="#222">`+"\n", plotLeft+plotWidth+30, bottom+44)
	fmt.Fprintf(w, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(w, `<text x="12" y="22" font-size="15" font-weight="bold">Resolve and delete, 64 callers: wall time as a multiple of bare net/http</text>`+"\n")
	for i, p := range registry.Protocols() {
		fill, _ := colour(p)
		fmt.Fprintf(w, `<circle cx="%d" cy="42" r="5" fill="%s"/><text x="%d" y="46">%s</text>`+"\n", plotLeft+150*i, fill, plotLeft+150*i+10, p)
	}
	for _, tick := range []float64{0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200} {
		if tick < least || tick > most*1.1 {
			continue
		}
		fmt.Fprintf(w, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s"/><text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n",
			x(tick), x(tick), plotTop, bottom, axis(tick), x(tick), bottom+18, tick)
	}
	for i, row := range d.Rows {
		weight := "normal"
		if row.Name == clients.Ours {
			weight = "bold"
		}
		fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end" font-weight="%s">%s</text>`+"\n", plotLeft-12, middle(i)+4, weight, html.EscapeString(row.Name))
	}
	each(func(row int, p registry.Protocol, s Spread) {
		fill, shift := colour(p)
		y := float64(middle(row)) + shift
		fmt.Fprintf(w, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="2"/><circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n",
			x(s.Least), x(s.Most), y, y, fill, x(s.Median), y, fill)
	})
	fmt.Fprintf(w, `<text x="12" y="%d" font-size="11" fill="#666">Median, least and most of %d runs; anonymous, no added latency; logarithmic. Differences below %.0f %% are noise.</text>`+"\n</svg>\n",
		bottom+36, d.Rounds, 100*Noise)
}

func middle(row int) int { return plotTop + lineStep*row + lineStep/2 }

func axis(tick float64) string {
	if tick == 1 {
		return "#888"
	}
	return "#ddd"
}
