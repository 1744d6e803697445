package regret

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// clientID names this library to token services, which show it to operators.
const clientID = "regret"

// exchangeIdentity turns an identity token into a token for the registry. A
// service may hand out a new identity token with it; that one is used from then
// on, as long as this client lives, and written nowhere.
//
// Sends POST <realm> with grant_type=refresh_token; see
// https://distribution.github.io/distribution/spec/auth/oauth/
func (a *authorizer) exchangeIdentity(ctx context.Context, x *exchange, want *demand, scope string, cred Credential) (string, time.Duration, error) {
	select {
	case a.turn <- struct{}{}: // two at once would present the same token, which may be good for one use
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", 0, ctx.Err()
	}
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
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := a.ask(x, req)
	switch {
	case err != nil && identityRefused(err):
		a.renewed.Delete(cred.IdentityToken) // perhaps the source has a newer one next time
	case err == nil && answer.refresh != "" && answer.refresh != latest:
		a.renewed.Set(cred.IdentityToken, answer.refresh)
	}
	return answer.token, answer.lifetime, err
}

// postUnknown says that a token service has no such way to ask.
func postUnknown(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.StatusCode == http.StatusNotFound || e.StatusCode == http.StatusMethodNotAllowed)
}

// identityRefused says that it was the token that the service did not like. A
// 400 alone may be about the scope.
//
// See https://www.rfc-editor.org/rfc/rfc6749#section-5.2
func identityRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.StatusCode == http.StatusUnauthorized || e.hasCode("invalid_grant"))
}
