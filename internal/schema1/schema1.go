// Package schema1 finds out what the digest of a signed schema 1 manifest is taken of.
//
// Such a manifest (application/vnd.docker.distribution.manifest.v1+prettyjws) is a JSON object whose last member holds
// its signatures, and its digest is that of the object without them, byte for byte:
// https://distribution.github.io/distribution/spec/api/#digest-header. Each signature says in its protected header
// how to get that object back: take the first formatLength bytes and append formatTail.
package schema1

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// The limits of Payload. The size of a manifest is for the caller to limit: the work is proportional to it.
const (
	MaxSignatures = 1024    // of one manifest; some were signed anew by every push
	MaxProtected  = 4 << 10 // bytes of a protected header, encoded
)

// Error says why a manifest has no payload. Its text is printable ASCII of at most 200 bytes, whatever the manifest
// holds.
type Error struct {
	Problem   string // what is wrong, or which limit was passed
	Signature int    // which signature is to blame, counted from 1; 0 if none is
}

func (e *Error) Error() string {
	if e.Signature > 0 {
		return "signed manifest: signature " + strconv.Itoa(e.Signature) + ": " + e.Problem
	}
	return "signed manifest: " + e.Problem
}

// Payload returns what the digest of a signed manifest is taken of. That is the manifest, member for member and byte
// for byte, but for its signatures: a manifest that shows anything its payload does not hold, or the other way round,
// is an *Error, as is one whose signatures disagree. The signatures themselves are not verified; a digest that the
// caller trusts already vouches for more.
//
// The payload is a JSON object and shorter than the manifest, since formatTail comes out of the signatures. It is a copy.
func Payload(signed []byte) ([]byte, error) {
	if !json.Valid(signed) {
		return nil, &Error{Problem: "not JSON"}
	}
	end, format, err := read(signed)
	if err != nil {
		return nil, err
	}
	if format.length < end || format.length > len(signed) || !isSpace(signed[end:format.length]) {
		return nil, &Error{Problem: "formatLength is not where the members before the signatures end"}
	}
	if brace := bytes.Trim(format.tail, space); string(brace) != "}" {
		return nil, &Error{Problem: "formatTail does not just close the object"}
	}
	return slices.Concat(signed[:format.length], format.tail), nil
}

// read goes through the members of a signed manifest, which is known to be JSON. It returns the format that the
// signatures agree on, and where the last member before them ends.
func read(signed []byte) (end int, _ format, _ *Error) {
	members := json.NewDecoder(bytes.NewReader(signed))
	if !take(members, json.Delim('{')) {
		return 0, format{}, &Error{Problem: "not a JSON object"}
	}
	end = int(members.InputOffset())
	for members.More() {
		if take(members, "signatures") {
			agreed, err := readSignatures(members)
			if err == nil && members.More() {
				err = &Error{Problem: "the signatures are not the last member"}
			}
			return end, agreed, err
		}
		var skipped ignored
		if err := members.Decode(&skipped); err != nil {
			return 0, format{}, &Error{Problem: "a member that cannot be read"}
		}
		end = int(members.InputOffset())
	}
	return 0, format{}, &Error{Problem: "no signatures"}
}

// readSignatures reads the list of signatures one by one, so that a long one costs no memory.
func readSignatures(list *json.Decoder) (agreed format, _ *Error) {
	if !take(list, json.Delim('[')) {
		return format{}, &Error{Problem: "the signatures are not a list"}
	}
	n := 0
	for list.More() {
		if n++; n > MaxSignatures {
			return format{}, &Error{Problem: fmt.Sprintf("more than the limit of %d signatures", MaxSignatures)}
		}
		var signature struct {
			Protected string `json:"protected"`
		}
		if err := list.Decode(&signature); err != nil {
			return format{}, &Error{Problem: "not an object with a protected header", Signature: n}
		}
		f, problem := parseProtected(signature.Protected)
		switch {
		case problem != "":
			return format{}, &Error{Problem: problem, Signature: n}
		case n == 1:
			agreed = f
		case f.length != agreed.length || !bytes.Equal(f.tail, agreed.tail):
			return format{}, &Error{Problem: "formatLength and formatTail are not those of the first", Signature: n}
		}
	}
	if n == 0 || !take(list, json.Delim(']')) {
		return format{}, &Error{Problem: "no signatures"}
	}
	return agreed, nil
}

// take reads a token and reports whether it is the one wanted.
func take(d *json.Decoder, want json.Token) bool {
	token, err := d.Token()
	return err == nil && token == want
}

// space is what JSON takes for space: https://www.rfc-editor.org/rfc/rfc8259#section-2.
const space = " \t\r\n"

func isSpace(text []byte) bool {
	return len(bytes.Trim(text, space)) == 0
}

// ignored takes any JSON value and keeps nothing of it.
type ignored struct{}

func (*ignored) UnmarshalJSON([]byte) error { return nil }

// format is how a protected header says to get the payload back.
type format struct {
	length int
	tail   []byte
}

// parseProtected decodes a protected header. A problem is described, the empty string means that there is none.
func parseProtected(encoded string) (f format, problem string) {
	if len(encoded) > MaxProtected {
		return f, fmt.Sprintf("protected header longer than the limit of %d bytes", MaxProtected)
	}
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return f, "protected header is not base64url"
	}
	// Not a struct: its names would match in any case, and a registry may take the other one of two.
	var header map[string]json.RawMessage
	if err := json.Unmarshal(text, &header); err != nil {
		return f, "protected header is not a JSON object"
	}
	var tail string
	if err := json.Unmarshal(header["formatLength"], &f.length); err != nil {
		return f, "formatLength is not a number of bytes"
	}
	if err := json.Unmarshal(header["formatTail"], &tail); err != nil {
		return f, "formatTail is not a string"
	}
	if f.tail, err = base64.RawURLEncoding.DecodeString(tail); err != nil {
		return f, "formatTail is not base64url"
	}
	return f, ""
}
