package credentials

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// An Explainer is a [Source] that can say what it has for a repository of a registry. It is asked
// when a registry has refused a request, and answers from memory: it reads no file and runs no
// helper.
//
// The explanation is a part of a sentence in plain English, without a capital letter at its start
// and a period at its end. It may contain the names of files, helpers and hosts, but no user name
// and no secret.
type Explainer interface {
	Explain(registry, repository string) string
}

const (
	maxExplainedHosts = 5
	maxExplanation    = 1 << 10
)

// Explain says what a source has for a repository of a registry, in a part of a sentence that an
// error can append: which files were read, whether they have an entry or a helper for the registry,
// and for which other hosts they have entries. The sources of this package explain themselves, apart
// from [Func], and so does every [Explainer].
func Explain(source Source, registry, repository string) string {
	text := "the source of credentials does not say for which registries it has any"
	if source == nil {
		text = "there is no source of credentials"
	}
	if e, ok := source.(Explainer); ok {
		text = e.Explain(registry, repository)
	}
	return redact.Printable(text, maxExplanation)
}

func (s static) Explain(string, string) string {
	if Credential(s).IsZero() {
		return "the source of credentials has none"
	}
	return "the same credentials are used for every registry"
}

func (f firstOf) Explain(registry, repository string) string {
	var parts []string
	for _, source := range f {
		parts = append(parts, Explain(source, registry, repository))
	}
	if len(parts) == 0 {
		return "there is no source of credentials"
	}
	return strings.Join(parts, "; ")
}

func (f forRegistry) Explain(registry, repository string) string {
	if !f.isFor(registry) {
		return fmt.Sprintf("the credentials are for %s only, not for %s", origin.Shown(f.host), origin.Shown(registry))
	}
	return Explain(f.source, registry, repository)
}

func (d dockerConfig) Explain(registry, repository string) string {
	switch {
	case len(d.files) == 0 && len(d.missing) == 0:
		return "no file with credentials was found"
	case len(d.files) == 0:
		return "no file with credentials was found: neither " + list(d.missing, " nor ") + " exists"
	}
	host := canonicalRegistry(registry)
	var names, facts []string
	others := map[string]bool{}
	for _, file := range d.files {
		names = append(names, file.name)
		if fact := file.explain(host, repository); fact != "" {
			facts = append(facts, file.name+" "+fact)
		}
		for _, other := range file.hosts() {
			if other == host {
				other = "other repositories of " + host
			}
			others[other] = true
		}
	}
	switch {
	case len(facts) > 0:
		return strings.Join(facts, "; ")
	case len(names) == 1:
		return fmt.Sprintf("%s has no entry and no helper for %s%s", names[0], origin.Shown(host), onlyFor(others))
	}
	return fmt.Sprintf("neither %s has an entry or a helper for %s%s", list(names, " nor "), origin.Shown(host), onlyFor(others))
}

// onlyFor says what else there are entries for, and names at most five hosts.
func onlyFor(others map[string]bool) string {
	names := slices.Sorted(maps.Keys(others))
	switch more := len(names) - maxExplainedHosts; {
	case len(names) == 0:
		return ", nor for any other registry"
	case more > 0:
		return fmt.Sprintf(", only for %s and %d more", strings.Join(names[:maxExplainedHosts], ", "), more)
	}
	return ", only for " + list(names, " and ")
}

// explain returns what the file has for a repository of a host, or the empty string.
func (f *configFile) explain(host, repository string) string {
	if f.err != nil {
		return "cannot be read"
	}
	own, hasOwn := f.helpers[host]
	if !hasOwn {
		own = f.store
	}
	var facts []string
	switch {
	case own.err != nil:
		facts = append(facts, "has a malformed name of a helper for "+origin.Shown(host))
	case own.name != "":
		facts = append(facts, fmt.Sprintf("names the helper %s%s for %s", helperPrefix, own.name, origin.Shown(host)))
	}
	empty := ""
	for _, key := range append(repositoryKeys(host, repository), host) {
		_, found, err := f.entryFor(key, host)
		if err != nil {
			facts = append(facts, "has a malformed entry for "+origin.Shown(key))
			break
		}
		if found {
			facts = append(facts, "has an entry for "+origin.Shown(key))
			break
		}
		if empty == "" && len(f.entries[key]) > 0 {
			empty = "has an entry without credentials for " + origin.Shown(key)
		}
	}
	if len(facts) == 0 {
		return empty
	}
	return strings.Join(facts, " and ") // docker writes an empty entry beside a helper, which means nothing
}

// hosts returns the hosts for which the file has entries with credentials, or helpers. It leaves out
// keys that are not the names of hosts, because they may contain anything.
func (f *configFile) hosts() []string {
	var hosts []string
	add := func(key string) {
		if host, _, _ := splitKey(key); origin.CheckHost(host) == nil {
			hosts = append(hosts, host)
		}
	}
	for key := range f.entries {
		if _, found, _ := f.entryFor(key, ""); found {
			add(key)
		}
	}
	for host, h := range f.helpers {
		if h.name != "" {
			add(host)
		}
	}
	return hosts
}

// list joins names as in "a, b and c".
func list(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + last + names[len(names)-1]
}
