package policy_test

import (
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestUnitsOfTheCalendar(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		unit    policy.Unit
		zone    string
		earlier string
		later   string
		same    bool
	}{
		"an hour":                                    {policy.Hourly, "UTC", "2026-11-26T12:00:00Z", "2026-11-26T12:59:59.999Z", true},
		"two hours":                                  {policy.Hourly, "UTC", "2026-11-26T12:59:59Z", "2026-11-26T13:00:00Z", false},
		"the same hour of two days":                  {policy.Hourly, "UTC", "2026-11-25T12:30:00Z", "2026-11-26T12:30:00Z", false},
		"the hour that is there twice":               {policy.Hourly, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", false},
		"one of the hours that are there twice":      {policy.Hourly, "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:59:00Z", true},
		"the half hour that is there twice":          {policy.Hourly, "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", false},
		"the hour after the one that is skipped":     {policy.Hourly, "Europe/Berlin", "2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z", false},
		"an hour in a zone with half hours":          {policy.Hourly, "Asia/Kolkata", "2026-11-26T12:30:00Z", "2026-11-26T13:29:00Z", true},
		"two hours in a zone with half hours":        {policy.Hourly, "Asia/Kolkata", "2026-11-26T12:29:00Z", "2026-11-26T12:30:00Z", false},
		"a day":                                      {policy.Daily, "UTC", "2026-11-26T00:00:00Z", "2026-11-26T23:59:59Z", true},
		"two days":                                   {policy.Daily, "UTC", "2026-11-26T23:59:59Z", "2026-11-27T00:00:00Z", false},
		"a day in a zone":                            {policy.Daily, "Europe/Berlin", "2026-11-26T23:00:00Z", "2026-11-27T22:59:59Z", true},
		"two days in a zone":                         {policy.Daily, "Europe/Berlin", "2026-11-26T22:59:59Z", "2026-11-26T23:00:00Z", false},
		"a day of 25 hours":                          {policy.Daily, "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", true},
		"the same day of two months":                 {policy.Daily, "UTC", "2026-10-26T12:00:00Z", "2026-11-26T12:00:00Z", false},
		"a week ends on Sunday":                      {policy.Weekly, "UTC", "2026-11-23T00:00:00Z", "2026-11-29T23:59:59Z", true},
		"a week begins on Monday":                    {policy.Weekly, "UTC", "2026-11-29T23:59:59Z", "2026-11-30T00:00:00Z", false},
		"a week over the turn of the year":           {policy.Weekly, "UTC", "2024-12-30T00:00:00Z", "2025-01-05T00:00:00Z", true},
		"week 53 goes into January":                  {policy.Weekly, "UTC", "2026-12-31T00:00:00Z", "2027-01-03T00:00:00Z", true},
		"week 53 and week 1":                         {policy.Weekly, "UTC", "2027-01-03T00:00:00Z", "2027-01-04T00:00:00Z", false},
		"the same week of two years":                 {policy.Weekly, "UTC", "2025-06-10T00:00:00Z", "2026-06-10T00:00:00Z", false},
		"a month":                                    {policy.Monthly, "UTC", "2026-11-01T00:00:00Z", "2026-11-30T23:59:59Z", true},
		"two months":                                 {policy.Monthly, "UTC", "2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", false},
		"two months in a zone":                       {policy.Monthly, "Asia/Tokyo", "2026-11-30T14:59:59Z", "2026-11-30T15:00:00Z", false},
		"the same month of two years":                {policy.Monthly, "UTC", "2025-11-30T00:00:00Z", "2026-11-01T00:00:00Z", false},
		"a year":                                     {policy.Yearly, "UTC", "2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z", true},
		"two years":                                  {policy.Yearly, "UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", false},
		"two years in a zone":                        {policy.Yearly, "Europe/Berlin", "2026-12-31T22:59:59Z", "2026-12-31T23:00:00Z", false},
		"the first of January is in the year's week": {policy.Weekly, "UTC", "2027-12-31T00:00:00Z", "2028-01-03T00:00:00Z", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			earlier, later := test.unit.Key(instant(t, test.earlier), zone), test.unit.Key(instant(t, test.later), zone)
			if test.same && earlier != later || !test.same && earlier >= later {
				t.Errorf("keys of %s: %d and %d", test.unit, earlier, later)
			}
		})
	}
	t.Run("are called by their keys", func(t *testing.T) {
		t.Parallel()
		for unit, want := range map[policy.Unit]string{policy.Hourly: "hourly", policy.Daily: "daily", policy.Weekly: "weekly", policy.Monthly: "monthly", policy.Yearly: "yearly", -1: "", 5: ""} {
			if unit.String() != want {
				t.Errorf("unit %d is %q", unit, unit)
			}
		}
	})
}
