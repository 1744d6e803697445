package errorbody_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/errorbody"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

func secrets(values ...string) *redact.Secrets {
	s := new(redact.Secrets)
	s.Add(values...)
	return s
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestParse(t *testing.T) {
	t.Parallel()
	type entries = []errorbody.Entry
	long := strings.Repeat("x", 2000)
	for _, tt := range []struct {
		rule, body string
		want       entries
	}{
		{"an array of errors is the form of the specification", `{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}}]}`,
			entries{{Code: "DENIED", Message: "no", Detail: raw(`{"a":1}`)}}},
		{"errors keep their order", `{"errors":[{"code":"A"},{"code":"B"}]}`, entries{{Code: "A"}, {Code: "B"}}},
		{"at most 16 errors are kept", `{"errors":[` + strings.Repeat(`{"code":"A"},`, 16) + `{"code":"B"}]}`,
			slices.Repeat(entries{{Code: "A"}}, 16)},
		{"an object may be an error itself", `{"code":"DENIED","message":"no"}`, entries{{Code: "DENIED", Message: "no"}}},
		{"errors take precedence over the object around them", `{"errors":[{"code":"A"}],"code":"B"}`, entries{{Code: "A"}}},
		{"an object with an empty array may be an error itself", `{"errors":[],"code":"B"}`, entries{{Code: "B"}}},
		{"a code that is not a string is ignored", `{"errors":[{"code":404,"message":"no"}]}`, entries{{Message: "no"}}},
		{"a message that is not a string is ignored", `{"errors":[{"code":"A","message":{"a":1}}]}`, entries{{Code: "A"}}},
		{"the error of a token service is a message", `{"error":"invalid_scope","error_description":"no"}`, entries{{Message: "invalid_scope"}}},
		{"the description of a token service is a message", `{"error_description":"no"}`, entries{{Message: "no"}}},
		{"details are a message", `{"details":"no"}`, entries{{Message: "no"}}},
		{"a message takes precedence over other names", `{"details":"a","error_description":"b","error":"c","message":"d"}`, entries{{Message: "d"}}},
		{"an object without an error is none", `{"path":"/v2/"}`, nil},
		{"an empty object is no error", `{}`, nil},
		{"null is no error", `null`, nil},
		{"an entry that is not an object is a message", `{"errors":["no",7]}`, entries{{Message: `"no"`}, {Message: "7"}}},
		{"an entry that is null is empty", `{"errors":[null]}`, entries{{}}},
		{"errors that are not an array are text", `{"errors":"no"}`, entries{{Message: `{"errors":"no"}`}}},
		{"JSON that is not an object is text", `["no"]`, entries{{Message: `["no"]`}}},
		{"JSON that breaks off is text", `{"errors":[{"co`, entries{{Message: `{"errors":[{"co`}}},
		{"two objects are text", `{"code":"A"}{}`, entries{{Message: `{"code":"A"}{}`}}},
		{"an empty body is no error", "", nil},
		{"white space is no error", " \r\n", nil},
		{"text is a message", "Method not allowed\n", entries{{Message: "Method not allowed"}}},
		{"the title of an HTML page is a message", "<html><TITLE>\n502 Bad\n Gateway</Title><body>…", entries{{Message: "502 Bad Gateway"}}},
		{"an HTML page without a title is a message", "<html>no</html>", entries{{Message: "<html>no</html>"}}},
		{"a title without an end is text", "<title>no", entries{{Message: "<title>no"}}},
		{"a title after letters that have another length in lower case is text", "\u023a<title>no</title>", entries{{Message: "\u023a<title>no</title>"}}},
		{"what a terminal would act on is replaced", "a\x1b[31mb\u202ec\x00\xff", entries{{Message: "a?[31mb?c??"}}},
		{"a long message is cut", `{"message":"` + long + `"}`, entries{{Message: long[:1020] + "…"}}},
		{"a long text is cut", long + long + long, entries{{Message: long[:1020] + "…"}}},
		{"a code is kept as it was sent", `{"code":"a\u0000` + long + `"}`, entries{{Code: "a\x00" + long}}},

		{"a detail may be any JSON", `{"errors":[{"code":"A","detail":[1e999,"a",{"b":null}]}]}`, entries{{Code: "A", Detail: raw(`[1e999,"a",{"b":null}]`)}}},
		{"a detail that is null is none", `{"errors":[{"code":"A","detail":null}]}`, entries{{Code: "A"}}},
		{"a detail of 4 KiB is kept", `{"code":"A","detail":"` + strings.Repeat("x", 4094) + `"}`, entries{{Code: "A", Detail: raw(`"` + strings.Repeat("x", 4094) + `"`)}}},
		{"a detail of more than 4 KiB is dropped", `{"code":"A","detail":"` + strings.Repeat("x", 4095) + `"}`, entries{{Code: "A"}}},
		{"Quay's read-only mode is a detail", `{"errors":[{"code":"A","detail":{},"is_readonly":true}]}`, entries{{Code: "A", Detail: raw(`{"is_readonly":true}`)}}},
		{"read-only mode without a detail is one", `{"code":"A","is_readonly":true}`, entries{{Code: "A", Detail: raw(`{"is_readonly":true}`)}}},
		{"another detail takes precedence over read-only mode", `{"code":"A","detail":{"b":1},"is_readonly":true}`, entries{{Code: "A", Detail: raw(`{"b":1}`)}}},
		{"read-only mode that is off is no detail", `{"code":"A","detail":{},"is_readonly":false}`, entries{{Code: "A", Detail: raw(`{}`)}}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got := errorbody.Parse([]byte(tt.body), true, secrets())
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRedactsSecrets(t *testing.T) {
	t.Parallel()
	const (
		password   = `c4n4ry+/=&"p4ss`
		passphrase = "correct horse?"
		pin        = "31415926"
	)
	for _, tt := range []struct {
		rule, body string
		cut        bool // before it was parsed
		want       errorbody.Entry
	}{
		{"a message is redacted", `{"message":"not c4n4ry+/=&\"p4ss"}`, false, errorbody.Entry{Message: "not [redacted]"}},
		{"a message in another spelling is redacted", `{"message":"?a=c4n4ry%2B%2F%3D%26%22p4ss"}`, false, errorbody.Entry{Message: "?a=[redacted]"}},
		{"a text is redacted", "not " + password, false, errorbody.Entry{Message: "not [redacted]"}},
		{"JSON that breaks off is redacted", `{"message":"c4n4ry+/=&\"p4ss"`, false, errorbody.Entry{Message: `{"message":"[redacted]"`}},
		{"an entry that is not an object is redacted", `{"errors":["not c4n4ry+/=&\"p4ss"]}`, false, errorbody.Entry{Message: `"not [redacted]"`}},
		{"a secret that was wrapped is redacted", "not correct\r\n  horse?", false, errorbody.Entry{Message: "not [redacted]"}},
		{"a secret with a character that was replaced is redacted", "not correct horse\x00", false, errorbody.Entry{Message: "not [redacted]"}},
		{"eight bytes of a secret at the end are redacted", "not c4n4ry+/", false, errorbody.Entry{Message: "not [redacted]"}},
		{"seven bytes of a secret at the end may be ordinary text", "not c4n4ry+", false, errorbody.Entry{Message: "not c4n4ry+"}},
		{"four bytes of a secret at the end of a body that was cut are redacted", "not c4n4", true, errorbody.Entry{Message: "not [redacted]"}},
		{"a code is not redacted", `{"code":"31415926"}`, false, errorbody.Entry{Code: pin}},
		{"a detail with a secret is dropped", `{"code":"A","detail":{"a":["c4n4ry+/=&\"p4ss"]}}`, false, errorbody.Entry{Code: "A"}},
		{"a detail with an escaped secret is dropped", `{"code":"A","detail":"\u00634n4ry\u002b\/=&\"p4ss"}`, false, errorbody.Entry{Code: "A"}},
		{"a detail with a secret as a key is dropped", `{"code":"A","detail":{"correct horse?":1}}`, false, errorbody.Entry{Code: "A"}},
		{"a detail with a secret as a number is dropped", `{"code":"A","detail":{"pin":31415926}}`, false, errorbody.Entry{Code: "A"}},
		{"a detail that ends with eight bytes of a secret is dropped", `{"code":"A","detail":"not c4n4ry+/"}`, false, errorbody.Entry{Code: "A"}},
		{"a detail without a secret is kept", `{"code":"A","detail":{"pin":31415927,"not":"c4n4ry"}}`, false,
			errorbody.Entry{Code: "A", Detail: raw(`{"pin":31415927,"not":"c4n4ry"}`)}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got := errorbody.Parse([]byte(tt.body), !tt.cut, secrets(password, passphrase, pin))
			if diff := cmp.Diff([]errorbody.Entry{tt.want}, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("of a long message only the beginning is looked at", func(t *testing.T) {
		t.Parallel()
		spaces := strings.Repeat(" ", 4<<10-6)
		want := []errorbody.Entry{{Message: "a [redacted]"}} // "c4n4" is left of the secret
		if diff := cmp.Diff(want, errorbody.Parse([]byte("a"+spaces+"\t"+password), true, secrets(password))); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
	})
}

func TestIsEnvelope(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"errors":[{"code":"A"}]}`: true,
		`{"errors":[null]}`:         true,
		`{"errors":[]}`:             false,
		`{"errors":"no"}`:           false,
		`{"code":"A"}`:              false,
		`[{"code":"A"}]`:            false,
		`no`:                        false,
		``:                          false,
	} {
		if got := errorbody.IsEnvelope([]byte(body)); got != want {
			t.Errorf("%s: %t, want %t", body, got, want)
		}
	}
}

func TestHasCode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"errors":[{"code":"A"}]}`:                 true,
		`{"errors":[{"message":"a"},{"code":"A"}]}`: true,
		`{"code":"A"}`:                              true,
		`{"errors":[{"code":500}]}`:                 false,
		`{"message":"no"}`:                          false,
		`<title>502 Bad Gateway</title>`:            false,
		``:                                          false,
	} {
		if got := errorbody.HasCode([]byte(body)); got != want {
			t.Errorf("%s: %t, want %t", body, got, want)
		}
	}
}
