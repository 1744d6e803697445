package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func TestVerdictsHaveColour(t *testing.T) {
	t.Parallel()
	const tree = "host/app   keep 1   remove 1\n├─ keep    image   8 d  remove   old  keep  \n│  └─ x           keep\n└─ 1 more kept\n"
	const want = "host/app   keep 1   remove 1\n├─ keep    image   8 d  \x1b[31mremove\x1b[0m   old  keep  \n│  └─ x           \x1b[32mkeep\x1b[0m\n└─ 1 more kept\n"
	for _, size := range []int{1, 7, len(tree)} {
		var got writes
		var always terminal.Color
		if err := always.Set("always"); err != nil {
			t.Fatal(err)
		}
		streams := terminal.New(terminal.Options{})
		p := &painter{out: &got, palette: streams.Out.Palette(always)}
		for rest := tree; rest != ""; rest = rest[min(size, len(rest)):] {
			if _, err := p.Write([]byte(rest[:min(size, len(rest))])); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%d bytes at once:\n%s", size, diff)
		}
	}
}

// writes is everything that was written.
type writes []byte

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
