package policy

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads the digits of the group "date" of a tag, whatever is between them:
// 8, 12 or 14 are yyyymmdd, yyyymmddhhmm or yyyymmddhhmmss in a time zone, 10 are
// seconds since 1970, and 13 milliseconds. It returns whole seconds, and the zero
// time if it is no date.
func parseDate(s string, zone *time.Location) time.Time {
	number := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	switch len(number) {
	case 8, 12, 14:
		return parseDay(number, zone)
	case 10, 13:
		seconds, _ := strconv.ParseInt(number[:10], 10, 64)
		return time.Unix(seconds, 0).UTC()
	}
	return time.Time{}
}

func parseDay(number string, zone *time.Location) time.Time {
	// Checked in UTC, which has every hour.
	t, err := time.Parse("20060102150405"[:len(number)], number)
	if err != nil {
		return time.Time{}
	}
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	local := time.Date(year, month, day, hour, minute, second, 0, zone)
	// Package time does not say which of the two hours it takes that the end of daylight
	// saving makes of one. The later one is safe: younger images are not removed.
	if later := local.Add(time.Hour); later.Format(time.DateTime) == local.Format(time.DateTime) {
		local = later
	}
	return local.UTC()
}
