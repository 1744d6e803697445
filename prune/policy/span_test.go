package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestSpansReachBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ span, from, want string }{
		"hours":                           {"36h", "2026-11-26T12:00:00Z", "2026-11-25T00:00:00Z"},
		"days":                            {"90d", "2026-11-26T12:00:00Z", "2026-08-28T12:00:00Z"},
		"weeks":                           {"2w", "2026-11-26T12:00:00Z", "2026-11-12T12:00:00Z"},
		"months":                          {"6mo", "2026-11-26T12:00:00Z", "2026-05-26T12:00:00Z"},
		"years":                           {"1y", "2026-11-26T12:00:00Z", "2025-11-26T12:00:00Z"},
		"more months than a year has":     {"14mo", "2026-01-31T12:00:00Z", "2024-11-30T12:00:00Z"},
		"a month from the 31st to the 30": {"1mo", "2026-12-31T12:00:00Z", "2026-11-30T12:00:00Z"},
		"a month to February":             {"1mo", "2026-03-31T12:00:00Z", "2026-02-28T12:00:00Z"},
		"a month to a leap February":      {"1mo", "2028-03-30T12:00:00Z", "2028-02-29T12:00:00Z"},
		"a month to a longer one":         {"1mo", "2026-02-28T12:00:00Z", "2026-01-28T12:00:00Z"},
		"a year from 29 February":         {"1y", "2028-02-29T12:00:00Z", "2027-02-28T12:00:00Z"},
		"four years from 29 February":     {"4y", "2028-02-29T12:00:00Z", "2024-02-29T12:00:00Z"},
		"a year to a leap year":           {"1y", "2025-02-28T12:00:00Z", "2024-02-28T12:00:00Z"},
		"months in UTC":                   {"1mo", "2026-04-01T00:30:00+02:00", "2026-02-28T22:30:00Z"},
		"a day over daylight saving":      {"1d", "2026-03-29T12:00:00+02:00", "2026-03-28T10:00:00Z"},
		"a thousand years":                {"1000y", "2026-11-26T12:00:00Z", "1026-11-26T12:00:00Z"},
		"a thousand years of hours":       {"8766000h", "2026-11-26T12:00:00Z", "1026-11-19T12:00:00Z"},
		"zeros before the number":         {"030d", "2026-11-26T12:00:00Z", "2026-10-27T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			span, err := policy.ParseSpan(test.span)
			if err != nil {
				t.Fatal(err)
			}
			if got := span.Before(instant(t, test.from)).Format(time.RFC3339Nano); got != test.want {
				t.Errorf("%s before %s is %s, want %s", test.span, test.from, got, test.want)
			}
			if again, err := policy.ParseSpan(span.String()); err != nil || again != span || span.IsZero() {
				t.Errorf("%s is written as %s", test.span, span)
			}
		})
	}
	t.Run("fractions of a second stay", func(t *testing.T) {
		t.Parallel()
		at := time.Date(2026, 11, 26, 12, 0, 0, 123, time.UTC)
		for _, text := range []string{"1h", "1mo"} {
			span, err := policy.ParseSpan(text)
			if err != nil || span.Before(at).Nanosecond() != 123 {
				t.Errorf("%s: %v, %v", text, span.Before(at), err)
			}
		}
	})
}

func TestSpansReachForward(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ span, from, want string }{
		"hours":                      {"36h", "2026-11-25T00:00:00Z", "2026-11-26T12:00:00Z"},
		"weeks":                      {"2w", "2026-12-20T12:00:00Z", "2027-01-03T12:00:00Z"},
		"a month over the year":      {"1mo", "2026-12-31T12:00:00Z", "2027-01-31T12:00:00Z"},
		"a month to February":        {"1mo", "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"},
		"a month to a leap February": {"1mo", "2028-01-30T12:00:00Z", "2028-02-29T12:00:00Z"},
		"a year from 29 February":    {"1y", "2028-02-29T12:00:00Z", "2029-02-28T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			span, err := policy.ParseSpan(test.span)
			if err != nil {
				t.Fatal(err)
			}
			if got := span.After(instant(t, test.from)).Format(time.RFC3339Nano); got != test.want {
				t.Errorf("%s after %s is %s, want %s", test.span, test.from, got, test.want)
			}
		})
	}
}

func TestWhatIsNoSpanSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	for text, problem := range map[string]string{
		"":                       `write a whole number and a unit`,
		"d":                      `write a whole number and a unit`,
		"30":                     `the unit is missing: write "30h", "30d"`,
		"5m":                     `write "5mo" for months`,
		"30s":                    `"s" is not a unit`,
		"1min":                   `"min" is not a unit`,
		"30days":                 `"days" is not a unit`,
		"30D":                    `write a whole number and a unit`,
		"30 d":                   `write a whole number and a unit`,
		" 30d":                   `write a whole number and a unit`,
		"30d ":                   `write a whole number and a unit`,
		"+30d":                   `write a whole number and a unit`,
		"-30d":                   `write a whole number and a unit`,
		"1.5d":                   `write a whole number and a unit`,
		"1d12h":                  `write a whole number and a unit`,
		"1e3d":                   `write a whole number and a unit`,
		"P30D":                   `write a whole number and a unit`,
		"٣d":                     `write a whole number and a unit`,
		"0d":                     `longer than zero`,
		"000h":                   `longer than zero`,
		"1001y":                  `longer than 1000 years`,
		"12001mo":                `longer than 1000 years`,
		"8766001h":               `longer than 1000 years`,
		"99999999999999999999h":  `longer than 1000 years`,
		strings.Repeat("x", 999): `write a whole number and a unit`,
	} {
		span, err := policy.ParseSpan(text)
		if err == nil || !strings.Contains(err.Error(), problem) || !span.IsZero() || span.String() != "" {
			t.Errorf("%q: %v, %v, want %q", text, span, err, problem)
		}
	}
}
