package fakeregistry_test

import (
	"net/url"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestOAuth2PasswordGrant(t *testing.T) {
	t.Parallel()
	c, ts := newSecuredRegistry(t)
	form := func() url.Values {
		return url.Values{"grant_type": {"password"}, "username": {"user"}, "password": {"pass"}, "scope": {"repository:team/app:pull,push"}}
	}
	got := postToken(t, ts, form())
	if got.Status != 200 || got.Token != "" || got.AccessToken == "" || got.RefreshToken != "" || got.Scope != "repository:team/app:pull" {
		t.Errorf("token %+v", got)
	}
	c.do("GET", "/v2/team/app/tags/list", "", "Authorization", "Bearer "+got.AccessToken).want(t, 200)

	offline := form()
	offline.Set("access_type", "offline")
	if got := postToken(t, ts, offline); got.RefreshToken == "" {
		t.Errorf("offline: %+v", got)
	}
	wrong := form()
	wrong.Set("password", "wrong")
	if got := postToken(t, ts, wrong); got.Status != 400 || got.Error != "invalid_grant" {
		t.Errorf("wrong password: %+v", got)
	}
}

func TestOAuth2RefreshTokenGrant(t *testing.T) {
	t.Parallel()
	refresh := func(token string) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {"repository:team/app:pull"}}
	}
	t.Run("a refresh token can be used repeatedly", func(t *testing.T) {
		t.Parallel()
		c, ts := newSecuredRegistry(t)
		token := ts.IssueRefreshToken("user")
		for range 3 {
			got := postToken(t, ts, refresh(token))
			if got.Status != 200 || got.RefreshToken != token {
				t.Errorf("token %+v", got)
			}
			c.do("GET", "/v2/team/app/tags/list", "", "Authorization", "Bearer "+got.AccessToken).want(t, 200)
		}
	})
	t.Run("a rotated refresh token can be used once", func(t *testing.T) {
		t.Parallel()
		_, ts := newSecuredRegistry(t, fakeregistry.WithRefreshRotation())
		first := ts.IssueRefreshToken("user")
		second := postToken(t, ts, refresh(first)).RefreshToken
		if second == "" || second == first {
			t.Errorf("tokens %q and %q", first, second)
		}
		if got := postToken(t, ts, refresh(first)); got.Status != 400 || got.Error != "invalid_grant" {
			t.Errorf("the first token again: %+v", got)
		}
		if got := postToken(t, ts, refresh(second)); got.Status != 200 {
			t.Errorf("the second token: %+v", got)
		}
	})
	t.Run("offline_token returns a refresh token", func(t *testing.T) {
		t.Parallel()
		_, ts := newSecuredRegistry(t)
		_, body := send(t, ts, "GET", realm+"?offline_token=true", "", "Authorization", basicAuth("user", "pass"))
		if got := postToken(t, ts, refresh(unmarshal[tokenResponse](t, body).RefreshToken)); got.Status != 200 {
			t.Errorf("token %+v", got)
		}
	})
	t.Run("an unknown refresh token is rejected", func(t *testing.T) {
		t.Parallel()
		_, ts := newSecuredRegistry(t)
		if got := postToken(t, ts, refresh("nonsense")); got.Status != 400 || got.Error != "invalid_grant" {
			t.Errorf("token %+v", got)
		}
	})
}

func TestOAuth2RejectsInvalidRequests(t *testing.T) {
	t.Parallel()
	_, ts := newSecuredRegistry(t)
	if got := postToken(t, ts, url.Values{"grant_type": {"client_credentials"}}); got.Status != 400 || got.Error != "unsupported_grant_type" {
		t.Errorf("unsupported grant: %+v", got)
	}
	if got := postToken(t, ts, url.Values{}); got.Status != 400 || got.Error != "invalid_request" {
		t.Errorf("missing grant: %+v", got)
	}
	if got := postToken(t, ts, url.Values{"grant_type": {"password"}, "scope": {"nonsense"}}); got.Status != 400 {
		t.Errorf("malformed scope: %+v", got)
	}
	resp, body := send(t, ts, "POST", realm, "%zz", "Content-Type", "application/x-www-form-urlencoded")
	if got := unmarshal[tokenResponse](t, body); resp.StatusCode != 400 || got.Error != "invalid_request" {
		t.Errorf("malformed form: %s %s", resp.Status, body)
	}
}

func TestWithoutOAuth2SupportsOnlyGet(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 405} {
		_, ts := newSecuredRegistry(t, fakeregistry.WithoutOAuth2(status))
		if got := postToken(t, ts, url.Values{"grant_type": {"password"}, "username": {"user"}, "password": {"pass"}}); got.Status != status {
			t.Errorf("%+v, want %d", got, status)
		}
		if got := getToken(t, ts, basicAuth("user", "pass")); got.Status != 200 {
			t.Errorf("GET: %+v", got)
		}
	}
}
