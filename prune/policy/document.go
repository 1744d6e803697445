package policy

// A Document is a policy as plain data: what a policy file says, and what Go
// programs write. Spans are strings such as "30d". [New] checks and compiles it.
type Document struct {
	Version      int      `json:"version"`                // 1
	Repositories []string `json:"repositories,omitempty"` // globs of the repositories that the policy may be used for; nil: all
	Keep         []Keep   `json:"keep,omitempty"`
	Remove       []Remove `json:"remove"`
	Limits       Limits   `json:"limits"`
}

// Keep is a rule that holds images: everything its patterns match if it has no
// condition, and otherwise what meets at least one of its conditions.
type Keep struct {
	Name       string    `json:"name,omitempty"`
	Tags       []Pattern `json:"tags,omitempty"`       // nil: every ordinary tag
	Except     []Pattern `json:"except,omitempty"`     // takes tags away from Tags
	Newest     int       `json:"newest,omitempty"`     // the newest N of each group
	Per        []string  `json:"per,omitempty"`        // what makes a group: "major", "minor", "patch", named groups
	By         string    `json:"by,omitempty"`         // "version", "number" or "date"
	Groups     int       `json:"groups,omitempty"`     // only in the G best groups
	Hourly     int       `json:"hourly,omitempty"`     // the newest of each of the last N hours
	Daily      int       `json:"daily,omitempty"`      // … days
	Weekly     int       `json:"weekly,omitempty"`     // … ISO weeks
	Monthly    int       `json:"monthly,omitempty"`    // … months
	Yearly     int       `json:"yearly,omitempty"`     // … years
	Zone       string    `json:"zone,omitempty"`       // IANA time zone; default UTC
	Within     string    `json:"within,omitempty"`     // at most that old
	File       string    `json:"file,omitempty"`       // an in-use list
	MaxAge     string    `json:"max-age,omitempty"`    // of the list; default 24h
	Registries []string  `json:"registries,omitempty"` // further names of the registry in the list
}

// Remove is a rule that wants tags gone: those its patterns match if the image
// meets all of its conditions.
type Remove struct {
	Name      string    `json:"name,omitempty"`
	Tags      []Pattern `json:"tags,omitempty"`
	Except    []Pattern `json:"except,omitempty"`
	OlderThan string    `json:"older-than,omitempty"`
	Undated   bool      `json:"undated,omitempty"` // images without a usable date count as old
	Beyond    int       `json:"beyond,omitempty"`  // not among the newest N of its group
	Per       []string  `json:"per,omitempty"`
	By        string    `json:"by,omitempty"`
	Groups    int       `json:"groups,omitempty"`
	Zone      string    `json:"zone,omitempty"`
	NotPulled string    `json:"not-pulled,omitempty"`
	Untag     bool      `json:"untag,omitempty"`
	Overwrite bool      `json:"overwrite,omitempty"`
	Untagged  bool      `json:"untagged,omitempty"`
	Orphans   bool      `json:"orphans,omitempty"`
	Trash     bool      `json:"trash,omitempty"`
}

// Limits are the brakes as a document states them; nil is the default.
type Limits struct {
	MaxPercent *int `json:"max-percent,omitempty"` // 50
	MaxImages  *int `json:"max-images,omitempty"`  // 5000
	MinLeft    *int `json:"min-left,omitempty"`    // 1
	Broken     *int `json:"broken,omitempty"`      // 0
}

// A Pattern selects tags. It is a glob, or a regular expression, a range of
// semantic versions, or both of these.
type Pattern struct {
	Glob   string
	Regexp string
	Semver string
	Pre    string // beside Semver: "only" matches pre-releases alone
}
