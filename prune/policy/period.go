package policy

import "time"

// A Period is a condition of a keep rule: the newest image of each of the last N
// units of the calendar that have one is kept.
type Period struct {
	Unit Unit
	N    int
}

// A Unit is a unit of the calendar.
type Unit int

// Units of the calendar. Their String method returns the key of the policy.
const (
	Hourly Unit = iota
	Daily
	Weekly // ISO 8601: from Monday to Sunday; the first week of a year has its first Thursday
	Monthly
	Yearly
)

// Key returns a number for the unit of the calendar that t lies in. Two instants
// have the same key if they lie in the same unit, and a later unit has a greater
// key. The hour that the end of daylight saving repeats is two hours.
func (u Unit) Key(t time.Time, zone *time.Location) int64 {
	t = t.In(zone)
	switch year, month, day := t.Date(); u {
	case Hourly:
		// The instant at which the hour began; its wall clock would be the same twice.
		return t.Unix() - int64(t.Minute()*60+t.Second())
	case Daily:
		return int64(year)*10_000 + int64(month)*100 + int64(day)
	case Weekly:
		year, week := t.ISOWeek()
		return int64(year)*100 + int64(week)
	case Monthly:
		return int64(year)*100 + int64(month)
	default:
		return int64(year)
	}
}

func (u Unit) String() string {
	names := [...]string{Hourly: "hourly", Daily: "daily", Weekly: "weekly", Monthly: "monthly", Yearly: "yearly"}
	if u < 0 || int(u) >= len(names) {
		return ""
	}
	return names[u]
}
