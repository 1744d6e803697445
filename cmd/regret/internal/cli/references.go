package cli

import (
	"errors"

	"github.com/seed-8cb7cc86/regret"
)

// parseReference parses an argument REF. A reference without tag or digest means latest, as it does
// for docker, but only where nothing is deleted.
func parseReference(arg string) (regret.Reference, error) {
	ref, err := regret.ParseReference(arg)
	if err == nil && ref.Tag == "" && ref.Digest == "" {
		ref.Tag = "latest"
	}
	return ref, err
}

// parseExact parses an argument REF of a command that deletes: it must name a tag or a digest.
func parseExact(arg string) (regret.Reference, error) {
	ref, err := regret.ParseReference(arg)
	if err == nil && ref.Tag == "" && ref.Digest == "" {
		return ref, usagef("%s names neither a tag nor a digest: write %s:TAG or %s@DIGEST", arg, arg, arg)
	}
	return ref, err
}

// parseRepository parses an argument REPO.
func parseRepository(arg string) (regret.Reference, error) {
	ref, err := regret.ParseReference(arg)
	if err == nil && (ref.Tag != "" || ref.Digest != "") {
		return ref, usagef("%s names an image, not a repository: write it without its tag and digest", arg)
	}
	return ref, err
}

// target returns what is asked for at the registry: the digest, if there is one, or else the tag.
func target(ref regret.Reference) string {
	if ref.Digest != "" {
		return ref.Digest.String()
	}
	return ref.Tag
}

// repositoryName returns registry and repository as people write them.
func repositoryName(ref regret.Reference) string {
	return regret.Reference{Registry: ref.Registry, Repository: ref.Repository}.String()
}

// references parses all arguments, with those on stdin, before anything is sent. All errors are
// reported at once.
func (a *app) references(args []string, parse func(string) (regret.Reference, error)) ([]regret.Reference, error) {
	args, err := a.arguments(args)
	if err != nil {
		return nil, err
	}
	var refs []regret.Reference
	var errs []error
	for _, arg := range args {
		ref, err := parse(arg)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		refs = append(refs, ref)
	}
	errs = append(errs, a.checkOneLogin(refs))
	return refs, errors.Join(errs...)
}
