package main_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// BenchmarkReadForPlanning reads 10,000 tags with 20 ms added to every response, 32 at once. It
// reports the time as a multiple of what as many GETs take with bare net/http, which does not read
// the list of tags: the median of pairs of runs, one after the other.
func BenchmarkReadForPlanning(b *testing.B) {
	const tags, pageSize, callers = 10_000, 1000, 32
	settings := registry.Settings{Tags: tags, Listed: tags, PageSize: pageSize, Latency: 20 * time.Millisecond}
	if err := address.Reset(b.Context(), settings); err != nil {
		b.Fatal(err)
	}
	p, err := policy.New(policy.Document{Version: 1, Remove: []policy.Remove{{Tags: policy.Globs("pr-*")}}})
	if err != nil {
		b.Fatal(err)
	}
	host := "http://" + address.Hosts[registry.HTTP]
	var ratios []float64
	for b.Loop() {
		start := time.Now()
		if err := bareGETs(b, host, tags, callers); err != nil {
			b.Fatal(err)
		}
		bare := time.Since(start)
		client, err := regret.New(host)
		if err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		if _, err := prune.Read(b.Context(), client, registry.Repository, p, &prune.ReadOptions{Concurrency: callers}); err != nil {
			b.Fatal(err)
		}
		ratios = append(ratios, float64(time.Since(start))/float64(bare))
		client.CloseIdleConnections()
	}
	got, err := address.Counts(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	// The last page is full, so that the client asks whether there is another.
	if want := int64(len(ratios) * (2*tags + tags/pageSize + 1)); got.Requests != want {
		b.Errorf("%d requests, want %d", got.Requests, want)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-bare")
}

// bareGETs reads the manifests of the first n tags of the list.
func bareGETs(b *testing.B, host string, n, callers int) error {
	b.Helper()
	pool := &http.Transport{MaxIdleConnsPerHost: callers, MaxConnsPerHost: callers, DisableCompression: true}
	defer pool.CloseIdleConnections()
	tags := make([]string, n)
	for i := range tags {
		tags[i] = registry.ListedTag(i)
	}
	return measure.Bulk(callers, tags, func(tag string) error {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, host+"/v2/"+registry.Repository+"/manifests/"+tag, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Accept", registry.MediaType)
		resp, err := pool.RoundTrip(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s, %w", tag, resp.Status, err)
		}
		return nil
	})
}
