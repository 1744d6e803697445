package fakeregistry

import "slices"

// User is a user of a registry with what it grants.
type User struct {
	Name, Password string
	Grants         []Grant
}

// WithUsers requires credentials, with the particulars of this registry: users of basic send Basic
// credentials, users of tokens and clients without credentials get tokens from the registry itself.
// A registry that accepts both, such as Gitea, accepts both from every user. Without users and
// grants for clients without credentials, it requires nothing.
func (p Profile) WithUsers(basic, tokens []User, anonymous []Grant) Option {
	opts := slices.Clone(p.authOptions)
	if p.offersBasic || satisfies(opts, func(o *options) bool { return o.basicUnoffered }) {
		all := slices.Concat(basic, tokens)
		basic, tokens = all, all
	}
	for _, u := range basic {
		opts = append(opts, WithBasicGrants(u.Name, u.Password, p.grants(u.Grants)...))
	}
	if len(tokens)+len(anonymous) == 0 {
		return combine(opts)
	}
	service := slices.Clone(p.tokenOptions)
	for _, u := range tokens {
		service = append(service, WithUser(u.Name, u.Password, p.grants(u.Grants)...))
	}
	if len(anonymous) == 0 {
		service = append(service, WithCredentialsRequired())
	} else {
		service = append(service, WithAnonymous(p.grants(anonymous)...))
	}
	opts = append(opts, WithTokenAuth(NewTokenService("", "registry", service...)))
	if p.deleteActions != nil {
		opts = append(opts, WithDeleteActions(p.deleteActions...))
	}
	return combine(opts)
}

// grants returns grants in which the actions that this registry requires for a DELETE replace
// "delete".
func (p Profile) grants(grants []Grant) []Grant {
	mapped := slices.Clone(grants)
	for i, g := range mapped {
		if at := slices.Index(g.Actions, "delete"); at >= 0 && p.deleteActions != nil {
			mapped[i].Actions = slices.Concat(g.Actions[:at], p.deleteActions, g.Actions[at+1:])
		}
	}
	return mapped
}

// RevokeTokens revokes all tokens that the registry has issued itself.
func (r *Registry) RevokeTokens() {
	if r.opts.tokens != nil {
		r.opts.tokens.RevokeAll()
	}
}
