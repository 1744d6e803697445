package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A Span is a length of time such as 36h, 90d, 2w, 6mo or 1y. It is longer than
// zero; the zero value is no span. Days and weeks are 24 and 168 hours, so that
// they do not depend on a time zone. Months and years follow the calendar. Spans
// can be compared with ==.
type Span struct {
	n    int
	unit unit
}

// A unit is the unit of a span, as it is written.
type unit string

// The units, and how many of each make the longest span: about a thousand years,
// which is more than any policy needs and less than package time can hold.
var (
	longest  = map[unit]int{"h": 8_766_000, "d": 365_250, "w": 52_178, "mo": 12_000, "y": 1_000}
	hoursIn  = map[unit]int{"h": 1, "d": 24, "w": 7 * 24}
	monthsIn = map[unit]int{"mo": 1, "y": 12}
)

// ParseSpan parses a whole number above zero, followed by one of the units h
// (hours), d (days), w (weeks), mo (months) and y (years). There is no unit "m",
// because it could mean minutes, and a number without a unit is an error.
func ParseSpan(s string) (Span, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	span := Span{unit: unit(s[len(digits):])}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return Span{}, errors.New(`write a whole number and a unit: "36h", "90d", "2w", "6mo" or "1y"`)
	}
	most, ok := longest[span.unit]
	switch {
	case span.unit == "":
		return Span{}, fmt.Errorf(`the unit is missing: write "%[1]sh", "%[1]sd", "%[1]sw", "%[1]smo" or "%[1]sy"`, redact.Clip(digits))
	case span.unit == "m":
		return Span{}, fmt.Errorf(`"m" is not a unit: write "%smo" for months; the shortest unit is the hour, "h"`, redact.Clip(digits))
	case !ok:
		return Span{}, fmt.Errorf("%q is not a unit: the units are h, d, w, mo and y", redact.Clip(string(span.unit)))
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > most {
		return Span{}, errors.New("it is longer than 1000 years")
	}
	if n == 0 {
		return Span{}, errors.New("it must be longer than zero")
	}
	span.n = n
	return span, nil
}

// Before returns the instant that lies the span before t, in UTC. A month or a year
// earlier is the same day and time in UTC, or the last day of a shorter month: one
// month before 31 March is 28 or 29 February.
func (s Span) Before(t time.Time) time.Time {
	t = t.UTC()
	if hours, ok := hoursIn[s.unit]; ok {
		// A time.Duration ends at 292 years.
		return time.Unix(t.Unix()-int64(s.n*hours)*3600, int64(t.Nanosecond())).UTC()
	}
	year, month, day := t.Date()
	first := time.Date(year, month-time.Month(s.n*monthsIn[s.unit]), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(day, last)-1)
}

// After returns the instant that lies the span after t, in UTC, by the same calendar as
// [Span.Before]: one month after 31 January is 28 or 29 February.
func (s Span) After(t time.Time) time.Time {
	return Span{n: -s.n, unit: s.unit}.Before(t)
}

// IsZero reports whether s is the zero value, which is no span.
func (s Span) IsZero() bool { return s == Span{} }

// String returns the span as [ParseSpan] reads it. Of the zero value it returns "".
func (s Span) String() string {
	if s.IsZero() {
		return ""
	}
	return strconv.Itoa(s.n) + string(s.unit)
}

// shorterThanADay reports whether a span is below 24 hours.
func (s Span) shorterThanADay() bool { return s.unit == "h" && s.n < 24 }
