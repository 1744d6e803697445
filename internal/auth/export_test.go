package auth

// MaxCached is the number of resources whose tokens are cached.
const MaxCached = maxCached

// MaxRenewed is the number of replaced identity tokens that are remembered.
const MaxRenewed = maxRenewed

// Cached returns the number of cached headers for the resource of a scope, and the number of
// resources.
func (a *Authorizer) Cached(scope Scope) (headers, resources int) {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	return len(a.tokens.kept[scope.resource()]), len(a.tokens.kept)
}
