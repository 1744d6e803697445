package policy

import "time"

// A Period says that the newest image of each of the last N units is kept.
type Period struct {
	Unit Unit
	N    int
}

// A Unit is a unit of the calendar.
type Unit int

// Units of the calendar.
const (
	Hourly Unit = iota
	Daily
	Weekly
	Monthly
	Yearly
)

// Key returns a number for the unit of the calendar that t lies in: equal for
// two instants of one unit, greater for a later one.
func (u Unit) Key(t time.Time, zone *time.Location) int64 { return 0 }

func (u Unit) String() string { return "" }
