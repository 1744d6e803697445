package regrettest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A Profile describes a registry in use, so that [WithProfile] can imitate it. The zero Profile is
// the specification's.
type Profile struct {
	Name    string // such as "harbor"
	Title   string // such as "Harbor"
	Version string // the version that was examined, or of which there are reports

	// Differences are what a client notices that expects the specification's behaviour. What is not
	// known of the registry is as in the specification.
	Differences []Difference

	// Collectors are the names of the ways in which the registry collects garbage, the default first.
	Collectors []string

	imitated fakeregistry.Profile
}

// A Difference is something that a registry does in another way than a registry without a profile.
type Difference struct {
	Text     string
	Evidence string // "measured", "read in its source", "documented", "reported by users" or "assumed"
}

// The kinds of evidence.
const (
	measured   = "measured"
	inSource   = "read in its source"
	documented = "documented"
	reported   = "reported by users"
	assumed    = "assumed"
)

// ErrUnknownProfile is the error for a name that no profile has.
var ErrUnknownProfile = errors.New("unknown profile")

// LookupProfile returns the profile with a name.
//
// Errors: ErrUnknownProfile, with a text that lists all names.
func LookupProfile(name string) (Profile, error) {
	all := Profiles()
	if i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	return Profile{}, fmt.Errorf("regrettest: %w %q: choose one of %s", ErrUnknownProfile, name, strings.Join(names, ", "))
}

// Profiles returns all profiles, that of the specification first.
func Profiles() []Profile {
	all := slices.Concat([]Profile{{Name: "spec", Title: "the specification", Version: "1.1"}}, selfHosted(), hosted())
	for i := range all {
		p := &all[i]
		if p.Name != "spec" {
			p.Title, p.Version = p.imitated.Name, p.imitated.Version
		}
		for _, c := range p.imitated.Collectors {
			p.Collectors = append(p.Collectors, c.Name)
		}
	}
	return all
}
