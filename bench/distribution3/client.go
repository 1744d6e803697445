package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A registryClient fills the registry with pushes and checks afterwards which manifests are left. It
// uses an address where requests are not counted.
type registryClient struct {
	base string
	http *http.Client
}

// push pushes that many tags, each with its own manifest.
func (c registryClient) push(ctx context.Context, tags int) error {
	upload, err := c.do(ctx, http.MethodPost, c.base+"/v2/"+registry.Repository+"/blobs/uploads/", "", "", http.StatusAccepted)
	if err != nil {
		return err
	}
	location, err := upload.Location()
	if err != nil {
		return err
	}
	query := location.Query()
	query.Set("digest", registry.ConfigDigest)
	location.RawQuery = query.Encode()
	if _, err := c.do(ctx, http.MethodPut, location.String(), "application/octet-stream", registry.Config, http.StatusCreated); err != nil {
		return err
	}
	for i := range tags {
		raw, _ := registry.Manifest(i)
		if _, err := c.do(ctx, http.MethodPut, c.manifestURL(registry.Tag(i)), registry.MediaType, string(raw), http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

// countDeleted looks up the manifest of each tag by its digest and returns how many are gone.
func (c registryClient) countDeleted(ctx context.Context, tags int) (int, error) {
	deleted := 0
	for i := range tags {
		_, dgst := registry.Manifest(i)
		resp, err := c.do(ctx, http.MethodHead, c.manifestURL(dgst), "", "", http.StatusOK, http.StatusNotFound)
		if err != nil {
			return deleted, err
		}
		if resp.StatusCode == http.StatusNotFound {
			deleted++
		}
	}
	return deleted, nil
}

func (c registryClient) manifestURL(reference string) string {
	return c.base + "/v2/" + registry.Repository + "/manifests/" + reference
}

// do sends a request. It returns an error unless the response has one of the wanted status codes, and
// discards the body.
func (c registryClient) do(ctx context.Context, method, target, mediaType, body string, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Accept", registry.MediaType)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if !slices.Contains(want, resp.StatusCode) {
		return nil, fmt.Errorf("%s %s: %s", method, target, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body) // drain, so that the connection can be reused
	return resp, err
}
