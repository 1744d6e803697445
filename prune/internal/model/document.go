package model

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// A Document is a policy as its JSON says it. The fields are those of the file.
type Document struct {
	Version int    `json:"version"`
	Keep    []Rule `json:"keep,omitempty"`
	Remove  []Rule `json:"remove"`
	Limits  Limits `json:"limits"`
}

// A Rule keeps or removes. The fields of either kind are all here.
type Rule struct {
	Name   string   `json:"name,omitempty"`
	Tags   Patterns `json:"tags,omitempty"`
	Except Patterns `json:"except,omitempty"`

	// Conditions of keep rules.
	Newest  int    `json:"newest,omitempty"`
	Hourly  int    `json:"hourly,omitempty"`
	Daily   int    `json:"daily,omitempty"`
	Weekly  int    `json:"weekly,omitempty"`
	Monthly int    `json:"monthly,omitempty"`
	Yearly  int    `json:"yearly,omitempty"`
	Within  string `json:"within,omitempty"`
	File    string `json:"file,omitempty"`
	MaxAge  string `json:"max-age,omitempty"`

	// Conditions of remove rules.
	OlderThan string `json:"older-than,omitempty"`
	Undated   bool   `json:"undated,omitempty"`
	Beyond    int    `json:"beyond,omitempty"`
	NotPulled string `json:"not-pulled,omitempty"`
	Untag     bool   `json:"untag,omitempty"`
	Overwrite bool   `json:"overwrite,omitempty"`
	Untagged  bool   `json:"untagged,omitempty"`
	Orphans   bool   `json:"orphans,omitempty"`
	Trash     bool   `json:"trash,omitempty"`

	// How to rank and group.
	Per        Strings  `json:"per,omitempty"`
	By         string   `json:"by,omitempty"`
	Groups     int      `json:"groups,omitempty"`
	Zone       string   `json:"zone,omitempty"`
	Registries []string `json:"registries,omitempty"`
}

// Limits are the brakes. nil is the default.
type Limits struct {
	MaxPercent *int `json:"max-percent,omitempty"`
	MaxImages  *int `json:"max-images,omitempty"`
	MinLeft    *int `json:"min-left,omitempty"`
	Broken     *int `json:"broken,omitempty"`
}

// A Pattern is a glob if it has nothing else.
type Pattern struct {
	Glob   string `json:"-"`
	Regexp string `json:"regexp,omitempty"`
	Semver string `json:"semver,omitempty"`
	Pre    string `json:"pre,omitempty"`
}

// Patterns are one or several in JSON.
type Patterns []Pattern

// Strings are one or several in JSON.
type Strings []string

// MarshalJSON writes a glob as a string.
func (p Pattern) MarshalJSON() ([]byte, error) {
	if p.Glob != "" {
		return json.Marshal(p.Glob)
	}
	type object Pattern
	return json.Marshal(object(p))
}

// UnmarshalJSON reads a string or an object.
func (p *Pattern) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, &p.Glob)
	}
	type object Pattern
	return json.Unmarshal(data, (*object)(p))
}

// UnmarshalJSON reads one pattern or a list.
func (p *Patterns) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]Pattern)(p))
	}
	*p = make(Patterns, 1)
	return json.Unmarshal(data, &(*p)[0])
}

// UnmarshalJSON reads one string or a list.
func (s *Strings) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(s))
	}
	*s = make(Strings, 1)
	return json.Unmarshal(data, &(*s)[0])
}

// limit returns a limit or its default.
func limit(value *int, otherwise int) int {
	if value == nil {
		return otherwise
	}
	return *value
}

var spanForm = regexp.MustCompile(`^(\d+)(h|d|w|mo|y)$`)

// before returns the instant that is a span before t. Months and years are those of the calendar,
// and the day is at most the last of the month.
func before(t time.Time, span string) (time.Time, error) {
	parts := spanForm.FindStringSubmatch(span)
	if parts == nil {
		return time.Time{}, fmt.Errorf("%q is no span", span)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return time.Time{}, err
	}
	switch parts[2] {
	case "h":
		return t.Add(-time.Duration(n) * time.Hour), nil
	case "d":
		return t.Add(-time.Duration(n) * 24 * time.Hour), nil
	case "w":
		return t.Add(-time.Duration(n) * 7 * 24 * time.Hour), nil
	case "mo":
		return monthsBefore(t.UTC(), n), nil
	}
	return monthsBefore(t.UTC(), 12*n), nil
}

func monthsBefore(t time.Time, n int) time.Time {
	hour, minute, second := t.Clock()
	first := time.Date(t.Year(), t.Month()-time.Month(n), 1, hour, minute, second, t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}
