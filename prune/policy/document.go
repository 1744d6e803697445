package policy

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A Document is a policy as plain data: what a policy file says, and what Go programs
// write. [New] checks and compiles it, [Parse] reads it from JSON, and [json.Marshal]
// writes what Parse reads.
//
// An image goes if a remove rule wants each of its tags and no keep rule holds it.
// The order of rules, patterns and values never matters.
type Document struct {
	Version      int      `json:"version"`                // 1, the only one
	Repositories []string `json:"repositories,omitempty"` // globs of the repositories that the policy is for; nil: all
	Keep         []Keep   `json:"keep,omitempty"`
	Remove       []Remove `json:"remove"` // at least one
	Limits       Limits   `json:"limits"`
}

// Keep is a rule that holds images. Without a condition it holds every image with a
// tag that matches. With conditions it holds what meets at least one of them. The
// conditions are Newest, Hourly to Yearly, and Within. Instead of tags and conditions
// a rule can have a File.
//
// Zero values mean that the policy does not have the key.
type Keep struct {
	// Name identifies the rule in plans and errors; all names in a policy differ. A rule
	// without one is called by its content.
	Name string `json:"name,omitempty"`
	// Tags are the patterns of the rule; one that matches suffices. Nil is every ordinary
	// tag, and then a condition is needed. A list without elements is an error.
	Tags []Pattern `json:"tags,omitempty"`
	// Except takes away what Tags match.
	Except []Pattern `json:"except,omitempty"`

	// Newest holds the newest N images of each group, and all that are equal to the N-th.
	Newest int `json:"newest,omitempty"`
	// Per makes groups, of tags with the same values: "major" and "minor" of the version,
	// "pattern" for those of each pattern apart, and named groups of the regular expressions. Variants and pre-releases
	// are always groups of their own.
	Per []string `json:"per,omitempty"`
	// By says what ranks images: "version", "number" or "date". By default that is the
	// version if every pattern yields one, else the number likewise, else the date.
	By string `json:"by,omitempty"`
	// Groups makes the rule apply to the best N groups only.
	Groups int `json:"groups,omitempty"`

	// Hourly to Yearly hold, in each group, the newest image of each of the last N hours,
	// days, ISO weeks, months or years that have one.
	Hourly  int `json:"hourly,omitempty"`
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
	Yearly  int `json:"yearly,omitempty"`
	// Zone is the time zone of these periods and of dates in tags, a name of the IANA
	// database such as "Europe/Berlin"; the default is UTC. For machines without that
	// database, import time/tzdata into the program.
	Zone string `json:"zone,omitempty"`
	// Within holds images that are at most so old: "30d", see [ParseSpan].
	Within string `json:"within,omitempty"`

	// File names an in-use list, see [ParseInUse]; the rule holds what that names.
	File string `json:"file,omitempty"`
	// MaxAge is how old the list may be; the default is "24h".
	MaxAge string `json:"max-age,omitempty"`
	// Registries are further names that the list has for the registry, such as a mirror's.
	Registries []string `json:"registries,omitempty"`
}

// Remove is a rule that wants tags gone: those that match on an image that meets all
// conditions. The conditions are OlderThan, Beyond and NotPulled. Instead of tags and
// conditions a rule can be for Untagged, Orphans or Trash, or for References.
//
// Zero values mean that the policy does not have the key.
type Remove struct {
	Name   string    `json:"name,omitempty"`   // as in Keep
	Tags   []Pattern `json:"tags,omitempty"`   // as in Keep
	Except []Pattern `json:"except,omitempty"` // as in Keep

	// OlderThan is met by images that are older than that: "30d", see [ParseSpan].
	OlderThan string `json:"older-than,omitempty"`
	// Undated makes images without a usable date old. Otherwise they never are.
	Undated bool `json:"undated,omitempty"`

	// Beyond is met by images that are not among the newest N of their group.
	Beyond int      `json:"beyond,omitempty"`
	Per    []string `json:"per,omitempty"`    // as in Keep
	By     string   `json:"by,omitempty"`     // as in Keep
	Groups int      `json:"groups,omitempty"` // as in Keep
	Zone   string   `json:"zone,omitempty"`   // of dates in tags, as in Keep

	// NotPulled is met by images that were last pulled longer ago, where that is known.
	NotPulled string `json:"not-pulled,omitempty"`

	// Untag takes the wanted tags off images that stay under other tags.
	Untag bool `json:"untag,omitempty"`
	// Overwrite takes them off by overwriting, for registries that cannot delete tags.
	Overwrite bool `json:"overwrite,omitempty"`

	// Untagged is for manifests without a tag that a list with upload times names.
	// OlderThan is then at least "24h", the default.
	Untagged bool `json:"untagged,omitempty"`
	// Orphans is for signatures and other companions of images that are gone. OlderThan is
	// then at least "24h", the default.
	Orphans bool `json:"orphans,omitempty"`
	// Trash empties the trash, of images that were moved there before OlderThan.
	Trash bool `json:"trash,omitempty"`
	// References are tags of any kind, and digests: the rule wants exactly these tags, and
	// these manifests if they have no tag that the rule does not name. A signature or anything
	// else of which each tag is named, or of which the digest is named and that has no tag,
	// goes although what it belongs to stays. A list without elements is an error.
	References []string `json:"references,omitempty"`
}

// Limits refuse plans that do more than was meant. Nil means the default.
type Limits struct {
	// MaxPercent is how many percent of the images may go, 0 to 100; the default is 50.
	MaxPercent *int `json:"max-percent,omitempty"`
	// MaxImages is how many images, untagged manifests and trash may go; the default is 5000.
	MaxImages *int `json:"max-images,omitempty"`
	// MinLeft is how many images must be left; the default is 1.
	MinLeft *int `json:"min-left,omitempty"`
	// Broken is how many tags may be unreadable; the default is 0.
	Broken *int `json:"broken,omitempty"`
}

// A Pattern matches tags. It is a glob, or a regular expression, or a range of
// semantic versions, or a regular expression whose group "version" is in a range.
// Upper and lower case differ.
type Pattern struct {
	// Glob has the wildcards of doublestar: "pr-*", "v[0-9]*", "{latest,stable}".
	Glob string
	// Regexp is an RE2 expression for the whole tag. Of its named groups, "version",
	// "variant", "number" and "date" have a meaning, and others serve Per.
	Regexp string
	// Semver is a range such as ">=1.2.0 <2". Only X.Y.Z and X.Y.Z-pre, with or without a
	// "v", are versions. Pre-releases match only if the range has one: ">=1.0.0-0".
	Semver string
	// Pre is "only" to match pre-releases alone, whatever the range has.
	Pre string
}

// Globs returns a pattern for each glob. Without arguments the list is empty, not nil,
// so that a rule that was to match no tag does not match them all.
func Globs(globs ...string) []Pattern {
	patterns := make([]Pattern, len(globs))
	for i, glob := range globs {
		patterns[i].Glob = glob
	}
	return patterns
}

// Regexp returns a list of one pattern.
func Regexp(expression string) []Pattern { return []Pattern{{Regexp: expression}} }

// Semver returns a list of one pattern.
func Semver(versions string) []Pattern { return []Pattern{{Semver: versions}} }

// MarshalJSON returns a glob as a string and any other pattern as an object.
func (p Pattern) MarshalJSON() ([]byte, error) {
	if p.Glob != "" {
		return jsontext.AppendQuote(nil, p.Glob)
	}
	data := []byte{'{'}
	for _, member := range []field{{"regexp", p.Regexp}, {"semver", p.Semver}, {"pre", p.Pre}} {
		if member.value == "" {
			continue
		}
		if len(data) > 1 {
			data = append(data, ',')
		}
		data = append(data, `"`+member.key+`":`...)
		var err error
		if data, err = jsontext.AppendQuote(data, member.value); err != nil {
			return nil, err
		}
	}
	return append(data, '}'), nil
}

var _ json.Marshaler = Pattern{}

// String returns the pattern in quotes, with its kind unless it is a glob.
func (p Pattern) String() string {
	if p.Glob != "" {
		return strconv.Quote(p.Glob)
	}
	var parts []string
	for _, part := range []field{{"regexp", p.Regexp}, {"semver", p.Semver}} {
		if part.value != "" {
			parts = append(parts, part.key+" "+strconv.Quote(part.value))
		}
	}
	if p.Pre != "" {
		parts = append(parts, "pre "+p.Pre)
	}
	return strings.Join(parts, " ")
}

func comparePatterns(a, b Pattern) int {
	return cmp.Or(strings.Compare(a.Glob, b.Glob), strings.Compare(a.Regexp, b.Regexp),
		strings.Compare(a.Semver, b.Semver), strings.Compare(a.Pre, b.Pre))
}
