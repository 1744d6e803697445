package credentials

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// lookUp returns the file's credential for a repository of a registry. The order is
//
//   - the helper that credHelpers names for the registry;
//   - entries for a repository or a namespace, the longest key first: "host/team/app", "host/team";
//   - credsStore, unless credHelpers has the registry;
//   - the file's own entry for the registry.
//
// Podman has this order without credsStore, and docker without the entries for repositories. A
// helper that has nothing does not end the search. Docker does not use the file's own entry beside
// credsStore, but podman does, so it is used.
func (f *configFile) lookUp(ctx context.Context, registry, repository string) (cred Credential, found bool, err error) {
	host := canonicalRegistry(registry)
	if host == "" {
		return Credential{}, false, nil
	}
	if f.err != nil {
		return Credential{}, false, &Error{Registry: registry, File: f.name, Err: f.err}
	}
	own, hasOwn := f.helpers[host]
	if hasOwn {
		if cred, found, err := f.ask(ctx, own, registry, host); found || err != nil {
			return cred, found, err
		}
	}
	for _, key := range repositoryKeys(host, repository) {
		if cred, found, err := f.entryFor(key, registry); found || err != nil {
			return cred, found, err
		}
	}
	if !hasOwn {
		if cred, found, err := f.ask(ctx, f.store, registry, host); found || err != nil {
			return cred, found, err
		}
	}
	return f.entryFor(host, registry)
}

// repositoryKeys returns the keys for a repository and for its namespaces, the longest first.
func repositoryKeys(host, repository string) []string {
	var keys []string
	for key := host + "/" + repository; len(key) > len(host); key = key[:strings.LastIndexByte(key, '/')] {
		keys = append(keys, key)
	}
	return keys
}

// entryFor returns the credential of the entry that is used for a key: of several spellings the
// preferred one whose entry is not empty. Docker writes an empty entry beside a helper.
func (f *configFile) entryFor(key, registry string) (Credential, bool, error) {
	for _, entry := range f.entries[key] {
		if entry.err != nil {
			err := fmt.Errorf("auths entry %q: %w", origin.Shown(entry.key), entry.err)
			return Credential{}, false, &Error{Registry: registry, File: f.name, Err: err}
		}
		if !entry.cred.IsZero() {
			return entry.cred, true, nil
		}
	}
	return Credential{}, false, nil
}

// ask runs a helper for a host, if there is one.
func (f *configFile) ask(ctx context.Context, h helper, registry, host string) (Credential, bool, error) {
	fail := func(program string, err error) (Credential, bool, error) {
		return Credential{}, false, &Error{Registry: registry, File: f.name, Helper: program, Err: err}
	}
	if h.err != nil {
		return fail("", fmt.Errorf("%s: %w", h.field(), h.err))
	}
	if h.name == "" {
		return Credential{}, false, nil
	}
	for _, server := range helperServers(host, h.key) {
		cred, found, err := runHelper(ctx, h.name, server)
		if err != nil {
			return fail(helperPrefix+h.name, err)
		}
		if found {
			return cred, true, nil
		}
	}
	return Credential{}, false, nil
}

// field returns the place of the helper's name in the file.
func (h helper) field() string {
	if h.key == "" {
		return "credsStore"
	}
	return fmt.Sprintf("credHelpers entry %q", origin.Shown(h.key))
}
