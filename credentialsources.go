package regret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// FirstOf asks sources in their order and takes the first credential that is
// not anonymous. A source that fails ends the search: the next one might hold
// an account that was not meant.
func FirstOf(sources ...CredentialSource) CredentialSource { return firstOf(sources) }

type firstOf []CredentialSource

func (f firstOf) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	for _, source := range f {
		cred, err := source.Credential(ctx, registry, repository)
		if err != nil || !cred.anonymous() {
			return cred, err
		}
	}
	return Credential{}, nil
}

// String tells nothing of the sources: they may be anybody's.
func (f firstOf) String() string {
	return fmt.Sprintf("the first of %d sources of credentials", len(f))
}

// Format prints the same for every verb.
func (f firstOf) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// MarshalJSON writes the same.
func (f firstOf) MarshalJSON() ([]byte, error) { return json.Marshal(f.String()) }

// ForRegistry limits a source to one registry, named as for [New]. For every
// other registry it is anonymous, and the source is not asked.
func ForRegistry(registry string, source CredentialSource) CredentialSource {
	return forRegistry{host: configKey(registry), source: source}
}

type forRegistry struct {
	host   string
	source CredentialSource
}

func (f forRegistry) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	if hostKey(registry) != f.host {
		return Credential{}, nil
	}
	return f.source.Credential(ctx, registry, repository)
}

// String names the registry and tells nothing of the source.
func (f forRegistry) String() string { return fmt.Sprintf("credentials for %s", f.host) }

// Format prints the same for every verb.
func (f forRegistry) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// MarshalJSON writes the same.
func (f forRegistry) MarshalJSON() ([]byte, error) { return json.Marshal(f.String()) }

// checkSource finds, for [New], what is wrong with a source before it is asked.
func checkSource(source CredentialSource) error {
	switch s := source.(type) {
	case nil:
		return errors.New("WithCredentials: the source is nil")
	case CredentialFunc:
		if s == nil {
			return errors.New("WithCredentials: the function is nil")
		}
	case staticCredential:
		if err := Credential(s).check(); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
	case forRegistry:
		return checkSource(s.source)
	case firstOf:
		var errs []error
		for _, one := range s {
			errs = append(errs, checkSource(one))
		}
		return errors.Join(errs...)
	}
	return nil
}
