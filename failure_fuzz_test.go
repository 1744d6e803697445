package regret_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret"
)

// Whatever a registry answers to a refusal, the error is short, printable,
// keeps the status and has no kind that only a code could give it.
func FuzzErrorAnswer(f *testing.F) {
	for _, body := range []string{
		"", "no", "<title>no</title>", `{"errors":[{"code":"DENIED","message":"no","detail":{"a":[1,null]}}]}`,
		`{"code":"A","message":"b"}`, `{"errors":[null,1,"x",{}]}`, `{"errors":{}}`, "\x1b\u202e\xff", `{"error":"a","error_description":"b"}`,
	} {
		f.Add(400, body, "text/plain")
	}
	f.Fuzz(func(t *testing.T, status int, body, contentType string) {
		if status < 400 || status > 499 || status == 401 || status == 429 {
			return
		}
		c := newClient(t, always(status, body, "Content-Type", contentType), regret.WithRetries(regret.Retries{}))
		_, err := c.Manifest(t.Context(), repo, "v1")
		e := wantErr(t, err, err)
		if e.StatusCode != status || len(e.Details) > 16 {
			t.Errorf("status %d, %d details", e.StatusCode, len(e.Details))
		}
		for _, d := range e.Details {
			shown := string(d.Code) + d.Message
			if len(d.Message) > 1<<10 || strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("detail %q", shown)
			}
			if d.Detail != nil && !json.Valid(d.Detail) {
				t.Errorf("detail is not JSON: %q", d.Detail)
			}
			if d.Code != "" && !errors.Is(err, d.Code) {
				t.Errorf("error is not %q", d.Code)
			}
			if d.Code != "" && !strings.ContainsAny(body, `"`) {
				t.Errorf("the code %q was made up from %q", d.Code, body)
			}
		}
		if e.Kind == regret.ErrNotFound && len(e.Details) == 0 {
			t.Error("something is not found although nobody said so")
		}
	})
}

// Whatever a token service answers, either a token of its grammar is sent to
// the registry, or nothing is, and the answer is not in the error.
func FuzzTokenAnswer(f *testing.F) {
	for _, body := range []string{
		`{"token":"abc","expires_in":300}`, `{"access_token":"abc","expires_in":"x"}`, `{"token":"a\r\nb"}`, `{"token":1}`,
		`{}`, `[]`, `null`, `{"token":"=="}`, `{"token":"a="}`, `{"TOKEN":"abc"}`, "x",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		sent := ""
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.URL.Path == "/token":
				return respond(req, 200, body), nil
			case req.Header.Get("Authorization") == "":
				return respond(req, 401, "", "WWW-Authenticate", `Bearer realm="`+registryURL+`/token"`), nil
			}
			sent = req.Header.Get("Authorization")
			return respond(req, 200, "{}"), nil
		}))
		err := c.Ping(t.Context())
		if (err == nil) != (sent != "") {
			t.Errorf("sent %q, error %v", sent, err)
		}
		if err != nil {
			if wantErr(t, err, regret.ErrNotRegistry); len(body) > 40 && strings.Contains(err.Error(), body) {
				t.Errorf("the answer is in the error: %v", err)
			}
			return
		}
		token, ok := strings.CutPrefix(sent, "Bearer ")
		if !ok || token == "" || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") != "" {
			t.Errorf("sent %q", sent)
		}
	})
}

// Whatever a page of tags says: every tag that is yielded is one, an error
// comes last, and a list without one is what the JSON says.
func FuzzTagPage(f *testing.F) {
	for _, body := range []string{
		`{"name":"team/app","tags":["a","b"]}`, `{"tags":null}`, `{"tags":["a"],"tags":["b"]}`, `{"tags":[1]}`, `{"tags":["../.."]}`,
		`{"x":[[{}]],"tags":[]} `, `{"tags":["a"]}x`, `{`, "", `{"Tags":["a"]}`, `{"tags":["a","a"]}`, `{"name":"x","tags":["a"]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := newClient(t, always(200, body))
		got, err := collect(t, c.Tags(t.Context(), repo))
		for _, tag := range got {
			if _, refErr := regret.ParseReference(host + "/" + repo + ":" + tag); refErr != nil {
				t.Errorf("tag %q: %v", tag, refErr)
			}
		}
		if err != nil {
			wantErr(t, err, err)
			return
		}
		var want struct{ Tags []string }
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("a complete list of %q, which is not JSON: %v", body, err)
		}
		if !utf8.ValidString(body) || strings.Contains(strings.ToLower(body), `tags"`) && strings.Count(strings.ToLower(body), "tags") > 1 {
			return // the other reader merges keys in any case
		}
		if strings.Join(got, " ") != strings.Join(want.Tags, " ") {
			t.Errorf("%q, want %q", got, want.Tags)
		}
	})
}

// Wherever a chain of redirects leads: credentials are seen by the registry's
// origin only, and once the chain has left it, not even there.
func FuzzRedirects(f *testing.F) {
	for _, location := range []string{
		"/b", "//evil.example.net/b", "https://registry.example.com:443/b", "https://registry.example.com:8443/b", "http://registry.example.com/b",
		"https://a:b@registry.example.com/b", "https://registry.example.com./b", "HTTPS://REGISTRY.EXAMPLE.COM/", `\\evil.example.net`, "https:registry.example.com",
		"https://registry.example.com\\@evil.example.net/", "?x", "#x", "", "javascript:alert(1)", "https://[::1]/",
	} {
		f.Add(location, "https://registry.example.com/back")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		hops, left := 0, false
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			u, err := url.Parse(req.URL.String())
			if err != nil {
				t.Fatalf("sent to %q: %v", req.URL, err)
			}
			home := u.Scheme == "https" && strings.EqualFold(u.Hostname(), host) && (u.Port() == "" || u.Port() == "443") && u.User == nil
			left = left || !home
			if left && len(req.Header["Authorization"]) > 0 {
				t.Errorf("credentials were sent to %s after %d hops", u, hops)
			}
			if u.Scheme != "https" {
				t.Errorf("sent to %s", u)
			}
			hops++
			switch hops {
			case 1:
				return respond(req, 307, "", "Location", first), nil
			case 2:
				return respond(req, 302, "", "Location", second), nil
			}
			return respond(req, 200, "{}"), nil
		}), regret.WithToken("c4n4ry-t0ken"))
		if err := c.Ping(t.Context()); err != nil {
			wantErr(t, err, err)
			wantDiscreet(t, err, "c4n4ry-t0ken")
		}
		if hops > 3 {
			t.Errorf("%d requests", hops)
		}
	})
}
