package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// A Source finds the credential for a registry. A client calls it when the registry asks for
// credentials, at most once for each token, and again after a credential was refused. Where the
// registry answers without credentials, but asks for them all the same, it is called once more.
//
// The registry is a host with an optional port, such as "registry.example.com:5000"; for Docker Hub
// it is "registry-1.docker.io". The repository is empty for requests about the registry as a whole.
//
// A source that has nothing returns the zero Credential, which is anonymous. A source that fails
// must return an error, which ends the operation: no caller becomes anonymous by accident.
type Source interface {
	Credential(ctx context.Context, registry, repository string) (Credential, error)
}

// A Func is a function used as a [Source].
type Func func(ctx context.Context, registry, repository string) (Credential, error)

// Credential calls f.
func (f Func) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	return f(ctx, registry, repository)
}

// Static returns a source that has the same credential for every registry. Limit it with
// [ForRegistry] where a client may speak to more than one.
func Static(c Credential) Source { return static(c) }

type static Credential

func (s static) Credential(context.Context, string, string) (Credential, error) {
	return Credential(s), nil
}

// Format prints the redacted form for every verb.
func (s static) Format(f fmt.State, verb rune) { Credential(s).Format(f, verb) }

// MarshalJSON writes the redacted form.
func (s static) MarshalJSON() ([]byte, error) { return Credential(s).MarshalJSON() }

// FirstOf returns a source that asks sources in order and returns the first credential that is not
// anonymous. An error ends the search, because the next source might have a different account than
// the one that was meant.
func FirstOf(sources ...Source) Source { return firstOf(sources) }

type firstOf []Source

func (f firstOf) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	for _, source := range f {
		cred, err := source.Credential(ctx, registry, repository)
		if err != nil || !cred.IsZero() {
			return cred, err
		}
	}
	return Credential{}, nil
}

// String does not print the sources, because a source of another package may print its secrets.
func (f firstOf) String() string {
	return fmt.Sprintf("the first of %d sources of credentials", len(f))
}

// Format prints the result of String for every verb.
func (f firstOf) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// MarshalJSON writes the result of String.
func (f firstOf) MarshalJSON() ([]byte, error) { return json.Marshal(f.String()) }

// ForRegistry limits a source to one registry: a host with an optional scheme and port, or one of
// the names of Docker Hub. For every other registry the result is anonymous, and the source is not
// asked.
func ForRegistry(registry string, source Source) Source {
	host, path, _ := splitKey(registry)
	if path != "" { // not the name of a registry: it matches none
		host += "/" + path
	}
	return forRegistry{host: host, source: source}
}

type forRegistry struct {
	host   string
	source Source
}

func (f forRegistry) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	if !f.isFor(registry) {
		return Credential{}, nil
	}
	return f.source.Credential(ctx, registry, repository)
}

func (f forRegistry) isFor(registry string) bool { return canonicalRegistry(registry) == f.host }

// String names the registry. It does not print the source, because a source of another package may
// print its secrets.
func (f forRegistry) String() string { return "credentials for " + origin.Shown(f.host) }

// Format prints the result of String for every verb.
func (f forRegistry) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// MarshalJSON writes the result of String.
func (f forRegistry) MarshalJSON() ([]byte, error) { return json.Marshal(f.String()) }

// Check returns everything that is wrong with a source and can be known before it is asked: it is
// nil, it is static and its credential is not valid, or it is for a registry that is no host. It
// looks into the sources of [FirstOf] and [ForRegistry].
func Check(source Source) error {
	switch s := source.(type) {
	case nil:
		return errors.New("credentials: the source is nil")
	case Func:
		if s == nil {
			return errors.New("credentials: the function is nil")
		}
	case static:
		if err := Credential(s).Validate(); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
	case forRegistry:
		if err := origin.CheckHost(s.host); err != nil {
			return fmt.Errorf("credentials: the registry of ForRegistry: %w", err)
		}
		return Check(s.source)
	case firstOf:
		var errs []error
		for _, one := range s {
			errs = append(errs, Check(one))
		}
		return errors.Join(errs...)
	}
	return nil
}
