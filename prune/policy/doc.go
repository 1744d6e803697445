// Package policy says which images of a repository are kept and which are removed: it
// checks and compiles the rules of a retention policy, and reads lists of images that
// are in use.
//
// It knows tags, versions and times. It knows nothing about manifests, registries and
// requests, and it decides about no image: that takes a repository, and is up to the
// packages above.
//
// Invariants:
//
//   - A policy that [Parse] or [New] returns has no faults. What may be a mistake is an
//     error, because a rule that says something else than was meant deletes images.
//   - The order of rules, patterns and keys changes nothing: neither an answer, nor a
//     byte of [Policy.JSON].
//   - What is compiled is immutable. The same tag and time get the same answer, on every
//     machine.
//   - No input makes a function panic, or takes longer than its size warrants.
//
// # Rules
//
// A policy has keep rules and remove rules. An image goes if remove rules want all of
// its tags, and no keep rule holds it. What no rule names stays.
//
//	{"version": 1,
//	 "keep": [
//	   {"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 10, "per": "minor"},
//	   {"name": "nightlies", "tags": "main-*", "daily": 7, "weekly": 4, "zone": "Europe/Berlin"},
//	   {"tags": ["latest", "stable"]},
//	   {"name": "in use", "file": "in-use.txt"}],
//	 "remove": [
//	   {"name": "pull requests", "tags": "pr-*", "except": "pr-keep-*", "older-than": "30d"},
//	   {"name": "builds", "tags": {"regexp": "build-(?P<number>\\d+)"}, "beyond": 50}],
//	 "limits": {"max-percent": 30}}
//
// [Document] is the same as Go data, and says what each key means.
//
// # Patterns
//
// A glob matches a whole tag, as does a regular expression; neither matches a part of
// one. Named groups of a regular expression say what the parts of a tag are:
//
//	version   a semantic version, for "newest" and "beyond", "semver", and "per": "minor"
//	number    digits of any length, which rank as a number
//	date      8, 12 or 14 digits are yyyymmdd[hhmm[ss]] in the zone of the rule, 10 are
//	          seconds since 1970, 13 milliseconds; other characters between them do not matter
//	variant   such as "-alpine": each variant has its own newest images
//
// Any other group can be named by "per", as in "the newest build of each branch".
//
// # Versions
//
// 1.2.3, v1.2.3 and 1.2.3-rc.1 are versions. 1, 1.2, 1.02.3 and 20240131 are not: tags such
// as these move from image to image, or are dates. A range matches pre-releases only if it
// has one itself, as in ">=1.0.0-0". 1.2.3-alpine is a pre-release, too, unless a group
// "variant" says otherwise.
package policy
