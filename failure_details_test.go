package regret_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// untagError returns the error of an untag whose DELETE has this response. It checks
// that the client sends nothing but this one DELETE.
func untagError(t *testing.T, status int, body string, fields ...string) *regret.Error {
	t.Helper()
	calls := 0
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if calls++; req.Method != "DELETE" || req.URL.Path != "/v2/team/app/manifests/v1" || calls > 1 {
			t.Errorf("unexpected request %d: %s %s", calls, req.Method, req.URL.Path)
		}
		return respond(req, status, body, fields...), nil
	}))
	err := c.Untag(t.Context(), repo, "v1")
	return wantRegretError(t, err)
}

func TestErrorDetails(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	long := strings.Repeat("x", 2000)
	tests := []struct {
		name, body string
		want       []regret.Detail
	}{
		{"the format of the specification", `{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}}]}`, []regret.Detail{{Code: "DENIED", Message: "no", Detail: raw(`{"a":1}`)}}},
		{"several errors", `{"errors":[{"code":"A"},{"code":"B","message":"b"}]}`, []regret.Detail{{Code: "A"}, {Code: "B", Message: "b"}}},
		{"a bare object", `{"code":"UNAUTHORIZED","message":"authentication required","detail":{"description":"d"}}`,
			[]regret.Detail{{Code: "UNAUTHORIZED", Message: "authentication required", Detail: raw(`{"description":"d"}`)}}},
		{"a numeric status", `{"errors":[{"status":406,"message":"Not Acceptable"}]}`, []regret.Detail{{Message: "Not Acceptable"}}},
		{"a code that is a number", `{"errors":[{"code":406,"message":"Not Acceptable"}]}`, []regret.Detail{{Message: "Not Acceptable"}}},
		{"a detail that is a string", `{"errors":[{"code":"A","detail":"unknown tag=nope"}]}`, []regret.Detail{{Code: "A", Detail: raw(`"unknown tag=nope"`)}}},
		{"a detail that is an array", `{"errors":[{"code":"A","detail":[{"Name":"N"},{"Revision":"r"}]}]}`, []regret.Detail{{Code: "A", Detail: raw(`[{"Name":"N"},{"Revision":"r"}]`)}}},
		{"a detail that is a number", `{"errors":[{"code":"A","detail":1e999}]}`, []regret.Detail{{Code: "A", Detail: raw(`1e999`)}}},
		{"a detail that is null", `{"errors":[{"code":"A","detail":null}]}`, []regret.Detail{{Code: "A"}}},
		{"a detail of more than 4 KiB is dropped", `{"errors":[{"code":"A","detail":"` + strings.Repeat("x", 5000) + `"}]}`, []regret.Detail{{Code: "A"}}},
		{"a message alone", `{"message":"toomanyrequests: You have reached your pull rate limit"}`, []regret.Detail{{Message: "toomanyrequests: You have reached your pull rate limit"}}},
		{"the format of OAuth", `{"error":"invalid_grant","error_description":"no"}`, []regret.Detail{{Message: "invalid_grant"}}},
		{"a message in the key details", `{"details":"no such thing"}`, []regret.Detail{{Message: "no such thing"}}},
		{"an entry that is a string", `{"errors":["no"]}`, []regret.Detail{{Message: `"no"`}}},
		{"an entry that is null", `{"errors":[null]}`, []regret.Detail{{}}},
		{"errors that are an object", `{"errors":{"code":"A"}}`, []regret.Detail{{Message: `{"errors":{"code":"A"}}`}}},
		{"errors that are empty", `{"errors":[]}`, nil},
		{"an object without known keys", `{"timestamp":1,"path":"/"}`, nil},
		{"JSON that is a string", `"no"`, []regret.Detail{{Message: `"no"`}}},
		{"text", "Method not allowed\n", []regret.Detail{{Message: "Method not allowed"}}},
		{"HTML with a title", "<html>\r\n<head><TITLE>405 Not\r\n Allowed</title></head><body>…", []regret.Detail{{Message: "405 Not Allowed"}}},
		{"HTML without a title", "<html><body>no</body></html>", []regret.Detail{{Message: "<html><body>no</body></html>"}}},
		{"an unterminated title", "<title>no", []regret.Detail{{Message: "<title>no"}}},
		{"truncated JSON", `{"errors":[{"code":"A"`, []regret.Detail{{Message: `{"errors":[{"code":"A"`}}},
		{"an empty body", "", nil},
		{"white space", " \r\n", nil},
		{"control characters and direction overrides", "a\x1b[31mb\u202ec\nd\x00e\xfff", []regret.Detail{{Message: "a?[31mb?c d?e?f"}}},
		{"a message of 2000 bytes is truncated", `{"errors":[{"code":"A","message":"` + long + `"}]}`, []regret.Detail{{Code: "A", Message: long[:1020] + "…"}}},
		{"a code of 2000 bytes is truncated", `{"errors":[{"code":"` + long + `"}]}`, []regret.Detail{{Code: regret.Code(long[:60] + "…")}}},
		{"the first sixteen errors are kept", `{"errors":[` + strings.Repeat(`{"code":"A"},`, 40) + `{"code":"B"}]}`, slices.Repeat([]regret.Detail{{Code: "A"}}, 16)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// The content type has no influence.
			for _, contentType := range []string{"application/json", "text/plain; charset=utf-8", "text/html", ""} {
				e := untagError(t, 418, tt.body, "Content-Type", contentType)
				if diff := cmp.Diff(tt.want, e.Details); diff != "" {
					t.Errorf("details (-want +got):\n%s", diff)
				}
				if e.StatusCode != 418 || e.Kind != "" {
					t.Errorf("status %d and kind %q, want 418 and none", e.StatusCode, e.Kind)
				}
				for _, d := range tt.want {
					if d.Code != "" && !errors.Is(e, d.Code) {
						t.Errorf("error is not %q", d.Code)
					}
				}
			}
		})
	}
}

func TestEndlessErrorBodies(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"after a 403": 403, "after a 503": 503} {
		t.Run("an endless body "+name+" is read to 64 KiB", func(t *testing.T) {
			t.Parallel()
			var bodies []*endlessBody
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				resp, body := respond(req, status, ""), &endlessBody{}
				resp.Body, bodies = body, append(bodies, body)
				return resp, nil
			}), regret.WithRetries(regret.Retries{}))
			err := c.Untag(t.Context(), repo, "v1")
			e := wantRegretError(t, err)
			if len(e.Details) != 1 || len(e.Details[0].Message) > 1<<10 {
				t.Errorf("details %v, want one with a short message", e.Details)
			}
			for _, body := range bodies {
				if body.read > 64<<10 || !body.closed {
					t.Errorf("%d bytes of the body were read, closed: %t", body.read, body.closed)
				}
			}
		})
	}
	t.Run("a slow body is read for at most two seconds", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Drip(403, nil, "no ", time.Second))
			start := time.Now()
			err := newClient(t, reg).Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrForbidden)
			wantText(t, err, "no no")
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %s, want at most 2s", took)
			}
			wantRequests(t, reg, "DELETE /v2/team/app/manifests/v1 403")
		})
	})
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"X-Request-Id", "X-Correlation-Id", "X-Ms-Correlation-Request-Id", "Correlation-Id",
		"X-Github-Request-Id", "X-Amzn-Requestid", "Docker-Request-Id",
	} {
		t.Run(name+" is kept", func(t *testing.T) {
			t.Parallel()
			e := untagError(t, 403, "", name, "id-\x1b1")
			if e.RequestID != "id-?1" {
				t.Errorf("request id %q, want %q", e.RequestID, "id-?1")
			}
		})
	}
	t.Run("a long request id is truncated", func(t *testing.T) {
		t.Parallel()
		if e := untagError(t, 403, "", "X-Request-Id", strings.Repeat("x", 5000)); len(e.RequestID) > 128 {
			t.Errorf("request id of %d bytes, want at most 128", len(e.RequestID))
		}
	})
}
