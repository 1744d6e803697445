package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// clientID names this library to token services, which show it to operators.
const clientID = "regret"

// exchangeIdentity exchanges an identity token for a token of the registry. The
// service may return a new identity token with it; that one is used from then
// on, for as long as the Authorizer lives, and written nowhere.
//
// Sends POST <realm> with grant_type=refresh_token; see
// https://distribution.github.io/distribution/spec/auth/oauth/
func (a *Authorizer) exchangeIdentity(ctx context.Context, want *demand, scope string, cred credentials.Credential) (tokenResponse, error) {
	if err := a.identity.take(ctx); err != nil {
		return tokenResponse{}, err
	}
	defer a.identity.pass()
	latest, renewed := a.renewed.Get(cred.IdentityToken)
	if !renewed {
		latest = cred.IdentityToken
	}
	form := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {latest},
		"client_id":     {clientID},
	}
	if want.service != "" {
		form.Set("service", want.service)
	}
	if scope != "" {
		form.Set("scope", scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, want.realm.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return tokenResponse{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := a.ask(req)
	switch {
	case err != nil && identityRefused(err):
		a.renewed.Delete(cred.IdentityToken) // the source may have a newer one next time
	case err == nil && response.refresh != "" && response.refresh != latest:
		a.renewed.Set(cred.IdentityToken, response.refresh)
	}
	return response, err
}

// postUnknown reports whether a token service does not know POST.
func postUnknown(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.StatusCode == http.StatusNotFound || e.StatusCode == http.StatusMethodNotAllowed)
}

// identityRefused reports whether the service refused the identity token. A 400
// alone may be about the scope.
//
// See https://www.rfc-editor.org/rfc/rfc6749#section-5.2
func identityRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.StatusCode == http.StatusUnauthorized || slices.Contains(e.Codes, "invalid_grant"))
}

// A turn admits one caller at a time; waiting ends with the caller's context.
type turn struct {
	mu    sync.Mutex
	taken chan struct{} // closed when the caller who took it passes it on; nil if it is free
}

func (t *turn) take(ctx context.Context) error {
	for {
		t.mu.Lock()
		taken := t.taken
		if taken == nil {
			t.taken = make(chan struct{})
		}
		t.mu.Unlock()
		if taken == nil {
			return nil
		}
		select {
		case <-taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *turn) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.taken)
	t.taken = nil
}
