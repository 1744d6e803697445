// Package schema1 recovers the payload of a signed schema 1 manifest, over which the digest of the
// manifest is computed.
//
// Such a manifest (application/vnd.docker.distribution.manifest.v1+prettyjws) is a JSON object
// whose last member holds its signatures. Its digest is that of the object without them, byte for
// byte. Each signature states in its protected header how to recover that object: take the first
// formatLength bytes and append formatTail.
//
// The package knows this format and nothing else of manifests.
//
// Invariants: a payload has the members of its manifest except the signatures, byte for byte; the
// work is proportional to the size of the manifest, within the limits below; the text of an error
// is short and printable, whatever the manifest holds.
//
// See https://distribution.github.io/distribution/spec/api/#digest-header
package schema1

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// The limits of Payload. The caller limits the size of a manifest.
const (
	MaxSignatures = 1024    // of one manifest; some got a new one with every push
	MaxProtected  = 4 << 10 // bytes of a protected header, encoded
)

// An Error describes why a manifest has no payload. Its text is printable ASCII of at most 200
// bytes, whatever the manifest holds.
type Error struct {
	Problem   string // what is wrong, or which limit is exceeded
	Signature int    // the number of the invalid signature, counted from 1; 0 if it is not about one
}

func (e *Error) Error() string {
	if e.Signature > 0 {
		return "signed manifest: signature " + strconv.Itoa(e.Signature) + ": " + e.Problem
	}
	return "signed manifest: " + e.Problem
}

// Payload returns the bytes over which the digest of a signed manifest is computed. These are the
// members of the manifest except the signatures, byte for byte: it is an *Error if the payload
// lacks a member or has another one, or if the signatures disagree about it. The signatures
// themselves are not verified, because a digest that the caller trusts proves more.
//
// The payload is a copy. It is a JSON object, and shorter than the manifest, because formatTail is
// part of the signatures.
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

// read reads the members of a signed manifest, which is valid JSON. It returns the format that the
// signatures agree on, and the offset at which the last member before them ends.
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

// readSignatures reads the signatures one by one, so that a long list needs no memory.
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

// take reads a token and reports whether it is want.
func take(d *json.Decoder, want json.Token) bool {
	token, err := d.Token()
	return err == nil && token == want
}

// space is the white space of JSON: https://www.rfc-editor.org/rfc/rfc8259#section-2.
const space = " \t\r\n"

func isSpace(text []byte) bool {
	return len(bytes.Trim(text, space)) == 0
}

// ignored decodes any JSON value and keeps nothing of it.
type ignored struct{}

func (*ignored) UnmarshalJSON([]byte) error { return nil }

// A format is the instruction of a protected header for recovering the payload.
type format struct {
	length int
	tail   []byte
}

// parseProtected decodes a protected header. problem is empty if the header is valid.
func parseProtected(encoded string) (f format, problem string) {
	if len(encoded) > MaxProtected {
		return f, fmt.Sprintf("protected header longer than the limit of %d bytes", MaxProtected)
	}
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return f, "protected header is not base64url"
	}
	// A struct would match names in any case, and of two such names a registry may use the other
	// one.
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
