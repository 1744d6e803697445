// Package wire sends requests to a registry with plain net/http, so that tests see the unmodified
// responses.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// Repository is one repository of a registry.
type Repository struct {
	// URL is the registry's address, for example http://127.0.0.1:5000.
	URL string
	// Name is the repository's name.
	Name string
	// Authorization is the value of the Authorization header field to send; empty means none.
	Authorization string
}

// Header is a header field to send with a request.
type Header struct{ Name, Value string }

// Accept returns an Accept header field with these media types.
func Accept(mediaTypes ...string) Header {
	return Header{"Accept", strings.Join(mediaTypes, ", ")}
}

// Do sends a request to a path below the repository, such as "manifests/latest".
func (r Repository) Do(t testing.TB, method, path string, headers ...Header) Answer {
	t.Helper()
	return r.Send(t, method, r.URL+"/v2/"+r.Name+"/"+path, nil, headers...)
}

// Send sends a request to any URL and reads the whole response.
func (r Repository) Send(t testing.TB, method, url string, body []byte, headers ...Header) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if r.Authorization != "" {
		req.Header.Set("Authorization", r.Authorization)
	}
	for _, header := range headers {
		req.Header.Add(header.Name, header.Value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<22))
	if err != nil {
		t.Fatalf("%s %s: read the response: %v", method, url, err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: raw}
}

// HasManifest reports whether the repository has a manifest for a tag or digest.
func (r Repository) HasManifest(t testing.TB, reference string) bool {
	t.Helper()
	return r.Do(t, http.MethodHead, "manifests/"+reference, AcceptAll()).Status == http.StatusOK
}

// HasBlob reports whether the repository has a blob.
func (r Repository) HasBlob(t testing.TB, dgst digest.Digest) bool {
	t.Helper()
	return r.Do(t, http.MethodHead, "blobs/"+dgst.String()).Status == http.StatusOK
}

// Answer is a response of a registry.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Digest returns the Docker-Content-Digest header field.
func (a Answer) Digest() digest.Digest {
	return digest.Digest(a.Header.Get("Docker-Content-Digest"))
}

// MediaType returns the Content-Type header field without parameters.
func (a Answer) MediaType() string {
	mediaType, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	return mediaType
}

// String returns the status code and, if the body is not empty, either the code and message of each
// error in it, or the media type and the body as text. It omits the detail of errors.
func (a Answer) String() string {
	text := strings.TrimSpace(string(a.Body))
	var body struct {
		Errors []struct{ Code, Message string } `json:"errors"`
	}
	switch {
	case text == "":
		return fmt.Sprint(a.Status)
	case json.Unmarshal(a.Body, &body) == nil && body.Errors != nil:
		parts := []string{fmt.Sprint(a.Status)}
		for _, e := range body.Errors {
			parts = append(parts, fmt.Sprintf("%s %q", e.Code, e.Message))
		}
		return strings.Join(parts, " ")
	default:
		return fmt.Sprintf("%d %s %s", a.Status, a.MediaType(), text)
	}
}
