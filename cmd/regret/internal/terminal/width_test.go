package terminal_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func TestWidth(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"letters take one column":            {"Größe", 5},
		"marks go onto the letter before":    {"Gro\u0308ße", 5},
		"ideographs and kana take two":       {"大きさ", 6},
		"Hangul takes two":                   {"크기", 4},
		"full-width letters take two":        {"ＡＢ", 4},
		"pictures take two":                  {"🚀", 2},
		"branches of a tree take one column": {"├─ ", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := terminal.Width(test.text); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text  string
		width int
		want  string
	}{
		"what fits stays":                       {"abcde", 5, "abcde"},
		"what does not ends with an ellipsis":   {"abcdef", 5, "abcd…"},
		"one column is the ellipsis":            {"abc", 1, "…"},
		"no column is nothing":                  {"abc", 0, ""},
		"less than no column is nothing, too":   {"abc", -1, ""},
		"half a wide rune does not fit":         {"大きさ", 4, "大…"},
		"a letter keeps its mark":               {"ao\u0308bc", 3, "ao\u0308…"},
		"a mark too many does not make it wide": {"abo\u0308", 3, "abo\u0308"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := terminal.Cut(test.text, test.width); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
