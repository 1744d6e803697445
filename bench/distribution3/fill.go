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

// A filler pushes to the registry as anybody does, at an address where nothing
// is counted, and looks afterwards at what is left.
type filler struct {
	base   string
	client *http.Client
}

// push puts a manifest of its own under each of the tags.
func (f filler) push(ctx context.Context, tags int) error {
	upload, err := f.do(ctx, http.MethodPost, f.base+"/v2/"+registry.Repository+"/blobs/uploads/", "", "", http.StatusAccepted)
	if err != nil {
		return err
	}
	place, err := upload.Location()
	if err != nil {
		return err
	}
	query := place.Query()
	query.Set("digest", registry.ConfigDigest)
	place.RawQuery = query.Encode()
	if _, err := f.do(ctx, http.MethodPut, place.String(), "application/octet-stream", registry.Config, http.StatusCreated); err != nil {
		return err
	}
	for i := range tags {
		raw, _ := registry.Manifest(i)
		if _, err := f.do(ctx, http.MethodPut, f.manifest(registry.Tag(i)), registry.MediaType, string(raw), http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

// gone counts the manifests that are not there, each asked for by its digest.
func (f filler) gone(ctx context.Context, tags int) (int, error) {
	gone := 0
	for i := range tags {
		_, dgst := registry.Manifest(i)
		resp, err := f.do(ctx, http.MethodHead, f.manifest(dgst), "", "", http.StatusOK, http.StatusNotFound)
		if err != nil {
			return gone, err
		}
		if resp.StatusCode == http.StatusNotFound {
			gone++
		}
	}
	return gone, nil
}

func (f filler) manifest(reference string) string {
	return f.base + "/v2/" + registry.Repository + "/manifests/" + reference
}

// do expects one of these statuses. The body of the answer is of no interest.
func (f filler) do(ctx context.Context, method, target, mediaType, body string, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Accept", registry.MediaType)
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if !slices.Contains(want, resp.StatusCode) {
		return nil, fmt.Errorf("%s %s: %s", method, target, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body) // so that the connection can be used again
	return resp, err
}
