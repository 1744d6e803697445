package schema1_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/schema1"
)

// protect encodes a protected header.
func protect(length any, tail string) string {
	header := fmt.Sprintf(`{"formatLength":%v,"formatTail":"%s","time":"2015-04-08T18:52:59Z"}`, length, encode(tail))
	return encode(header)
}

func encode(text string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// sign appends signatures with these protected headers to the beginning of a manifest.
func sign(beginning string, protected ...string) string {
	var list []string
	for _, p := range protected {
		list = append(list, `{"header":{"alg":"ES256"},"signature":"c2lnbmF0dXJl","protected":"`+p+`"}`)
	}
	return beginning + `"signatures":[` + strings.Join(list, ",") + "]}"
}

func TestPayloadOfAManifestFromARegistry(t *testing.T) {
	t.Parallel()
	// As distribution 2.8.2 served it, with this digest in its Docker-Content-Digest header.
	signed, err := os.ReadFile("testdata/signed.json")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := schema1.Payload(signed)
	if err != nil {
		t.Fatal(err)
	}
	const want = "sha256:b1326b8ba892e462d9bfa2b8b787b2bc6c7a1aeb56e168fdc9bbbb9c8774c484"
	if diff := cmp.Diff(want, digest.FromBytes(payload).String()); diff != "" {
		t.Errorf("digest (-want +got):\n%s", diff)
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ signed, want string }{
		"a manifest without space is closed by a brace": {sign(`{"name":"a",`, protect(11, "}")), `{"name":"a"}`},
		"the space before the brace is restored":        {sign("{\n   \"name\": \"a\",\n   ", protect(16, "\n}")), "{\n   \"name\": \"a\"\n}"},
		"the space after the brace is restored":         {sign(`{"name":"a",`, protect(11, "}\n")), "{\"name\":\"a\"}\n"},
		"space may be part of the beginning":            {sign(`{"name":"a" ,`, protect(12, "}")), `{"name":"a" }`},
		"two signatures may agree":                      {sign(`{"name":"a",`, protect(11, "}"), encode(`{"formatTail":"fQ","formatLength":11}`)), `{"name":"a"}`},
		"1024 signatures may agree":                     {sign(`{"name":"a",`, many(1024)...), `{"name":"a"}`},
		"names of members are case-sensitive":           {sign(`{"Signatures":1,`, encode(`{"formatLength":15,"FormatLength":1,"formatTail":"fQ"}`)), `{"Signatures":1}`},
		"signatures in a nested object are not read":    {sign(`{"a":{"signatures":[{}]},`, protect(24, "}")), `{"a":{"signatures":[{}]}}`},
		"a manifest may have only signatures":           {sign(`{`, protect(1, "}")), `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := schema1.Payload([]byte(test.signed))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
		})
	}
}

func many(n int) (protected []string) {
	for range n {
		protected = append(protected, protect(11, "}"))
	}
	return protected
}

func TestPayloadErrors(t *testing.T) {
	t.Parallel()
	const (
		beginning   = `{"name":"a",`
		wrongLength = "formatLength is not where the members before the signatures end"
		wrongTail   = "formatTail does not just close the object"
	)
	good := protect(11, "}")
	for name, test := range map[string]struct{ signed, want string }{
		"an empty manifest":                     {"", "not JSON"},
		"half of a manifest":                    {`{"name":"a"`, "not JSON"},
		"two manifests":                         {sign(beginning, good) + "{}", "not JSON"},
		"a list":                                {`[` + sign(beginning, good) + `]`, "not a JSON object"},
		"a string":                              {`"signatures"`, "not a JSON object"},
		"a manifest without signatures":         {`{"name":"a"}`, "no signatures"},
		"a manifest with an empty list":         {sign(beginning), "no signatures"},
		"signatures that are null":              {`{"name":"a","signatures":null}`, "the signatures are not a list"},
		"signatures that are an object":         {`{"name":"a","signatures":{}}`, "the signatures are not a list"},
		"a signature that is a string":          {`{"name":"a","signatures":["x"]}`, "signature 1: not an object with a protected header"},
		"a signature that is null":              {`{"name":"a","signatures":[null]}`, "signature 1: protected header is not a JSON object"},
		"a protected header that is missing":    {`{"name":"a","signatures":[{}]}`, "signature 1: protected header is not a JSON object"},
		"a protected header that is a number":   {`{"name":"a","signatures":[{"protected":1}]}`, "signature 1: not an object with a protected header"},
		"a protected header with padding":       {sign(beginning, encode("{}")+"="), "signature 1: protected header is not base64url"},
		"a protected header that is a list":     {sign(beginning, encode("[]")), "signature 1: protected header is not a JSON object"},
		"a protected header that is too long":   {sign(beginning, strings.Repeat("A", 4<<10+1)), "signature 1: protected header longer than the limit of 4096 bytes"},
		"a second signature without a header":   {sign(beginning, good, ""), "signature 2: protected header is not a JSON object"},
		"more signatures than the limit":        {sign(beginning, many(1025)...), "more than the limit of 1024 signatures"},
		"signatures that differ in length":      {sign(beginning, good, protect(12, "}")), "signature 2: formatLength and formatTail are not those of the first"},
		"signatures that differ in tail":        {sign(beginning, good, good, protect(11, "\n}")), "signature 3: formatLength and formatTail are not those of the first"},
		"a missing length":                      {sign(beginning, encode(`{"formatTail":"fQ"}`)), "signature 1: formatLength is not a number of bytes"},
		"a length that is a string":             {sign(beginning, protect(`"11"`, "}")), "signature 1: formatLength is not a number of bytes"},
		"a length that is a fraction":           {sign(beginning, protect(11.5, "}")), "signature 1: formatLength is not a number of bytes"},
		"a length that overflows":               {sign(beginning, protect("99999999999999999999", "}")), "signature 1: formatLength is not a number of bytes"},
		"a length that is null":                 {sign(beginning, protect("null", "}")), wrongLength},
		"a negative length":                     {sign(beginning, protect(-1, "}")), wrongLength},
		"a length of zero":                      {sign(beginning, protect(0, `{"name":"a"}`)), wrongLength},
		"a length beyond the end":               {sign(beginning, protect(9999, "}")), wrongLength},
		"a length that omits a member":          {sign(`{"name":"a","evil":1,`, protect(11, "}")), wrongLength},
		"a length that includes the comma":      {sign(beginning, protect(12, `"x":1}`)), wrongLength},
		"a length that includes the signatures": {sign(beginning, protect(20, "}")), wrongLength},
		"a length in the middle of a value":     {sign(beginning, protect(10, `"}`)), wrongLength},
		"a missing tail":                        {sign(beginning, encode(`{"formatLength":11}`)), "signature 1: formatTail is not a string"},
		"a tail that is a number":               {sign(beginning, encode(`{"formatLength":11,"formatTail":1}`)), "signature 1: formatTail is not a string"},
		"a tail that is not base64url":          {sign(beginning, encode(`{"formatLength":11,"formatTail":"}"}`)), "signature 1: formatTail is not base64url"},
		"an empty tail":                         {sign(beginning, protect(11, "")), wrongTail},
		"a tail that adds a member":             {sign(beginning, protect(11, `,"evil":1}`)), wrongTail},
		"a tail that closes twice":              {sign(beginning, protect(11, "}}")), wrongTail},
		"a tail that ends in a form feed":       {sign(beginning, protect(11, "}\f")), wrongTail},
		"a member after the signatures":         {strings.TrimSuffix(sign(beginning, good), "}") + `,"evil":1}`, "the signatures are not the last member"},
		"duplicate signatures":                  {strings.TrimSuffix(sign(beginning, good), "}") + `,` + sign("", good), "the signatures are not the last member"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			payload, err := schema1.Payload([]byte(test.signed))
			if payload != nil {
				t.Errorf("got %q, want none", payload)
			}
			payloadError, ok := errors.AsType[*schema1.Error](err)
			if !ok {
				t.Fatalf("got %v, want a *schema1.Error", err)
			}
			if diff := cmp.Diff("signed manifest: "+test.want, payloadError.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPayloadIsACopy(t *testing.T) {
	t.Parallel()
	signed := []byte(sign(`{"name":"a",`, protect(11, "}")))
	before := string(signed)
	payload, err := schema1.Payload(signed)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if diff := cmp.Diff(before, string(signed)); diff != "" {
		t.Errorf("manifest after its payload was overwritten (-want +got):\n%s", diff)
	}
}
