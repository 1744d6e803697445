package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

const appliedImages = 10_000

// BenchmarkApply deletes 10,000 images with 20 ms added to every response, 32 at once, with the
// archive and the journal on disk and durable. It reports the time as a multiple of what the same
// requests take with bare net/http, which stores nothing: the median of pairs of runs, one after the
// other. It also reports by how much the heap has grown from the tenth part of the steps to the last.
func BenchmarkApply(b *testing.B) {
	const pageSize, callers = 1000, 32
	settings := registry.Settings{Tags: appliedImages, Listed: appliedImages, PageSize: pageSize, Forgets: true}
	if err := address.Reset(b.Context(), settings); err != nil {
		b.Fatal(err)
	}
	host := "http://" + address.Hosts[registry.HTTP]
	made := planAll(b, host)
	settings.Latency = 20 * time.Millisecond
	var ratios, growths []float64
	for b.Loop() {
		times := make([]time.Duration, 2)
		for i, run := range []func(){
			func() { bareApply(b, host, callers) },
			func() { growths = append(growths, applyAll(b, host, made, callers)) },
		} {
			if err := address.Reset(b.Context(), settings); err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			run()
			times[i] = time.Since(start)
			// Each image is archived, looked at twice and deleted; after the last page of the list, which
			// is full, there may be another; at the end the list is empty.
			got, err := address.Counts(b.Context())
			if want := int64(4*appliedImages + 1 + appliedImages/pageSize + 1 + 1); err != nil || got.Requests != want || got.Deleted != appliedImages {
				b.Errorf("run %d: %d requests, want %d; %d deleted; %v", i, got.Requests, want, got.Deleted, err)
			}
		}
		ratios = append(ratios, float64(times[1])/float64(times[0]))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-bare")
	b.ReportMetric(slices.Max(growths)/(1<<20), "MiB-growth")
}

// planAll plans to delete every image.
func planAll(b *testing.B, host string) *plan.Plan {
	b.Helper()
	all, most := 100, appliedImages
	p, err := policy.New(policy.Document{
		Version: 1, Remove: []policy.Remove{{Tags: policy.Globs("*")}},
		Limits: policy.Limits{MaxPercent: &all, MaxImages: &most, MinLeft: new(int)},
	})
	if err != nil {
		b.Fatal(err)
	}
	client, err := regret.New(host)
	if err != nil {
		b.Fatal(err)
	}
	defer client.CloseIdleConnections()
	made, err := prune.Make(b.Context(), client, registry.Repository, p, &prune.ReadOptions{Concurrency: 32})
	if err != nil {
		b.Fatal(err)
	}
	return made
}

// applyAll applies a plan. It returns by how many bytes the heap has grown.
func applyAll(b *testing.B, host string, made *plan.Plan, callers int) float64 {
	b.Helper()
	client, err := regret.New(host)
	if err != nil {
		b.Fatal(err)
	}
	defer client.CloseIdleConnections()
	folder := b.TempDir()
	store, err := undo.DirStore(filepath.Join(folder, "undo"))
	if err != nil {
		b.Fatal(err)
	}
	journal, err := os.OpenFile(filepath.Join(folder, "journal"), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer journal.Close()
	done := 0
	var early, late uint64
	report, err := apply.Apply(b.Context(), client, made, store, &apply.Options{Journal: journal, Concurrency: callers, OnResult: func(apply.Result) {
		switch done++; done {
		case appliedImages / 10:
			early = heapInUse()
		case appliedImages:
			late = heapInUse()
		}
	}})
	if err != nil || report.Count(apply.Deleted) != appliedImages {
		b.Fatal(report, err)
	}
	return float64(late) - float64(early)
}

func heapInUse() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// bareApply sends the requests of applyAll, in the same order and as many at once.
func bareApply(b *testing.B, host string, callers int) {
	b.Helper()
	pool := &http.Transport{MaxIdleConnsPerHost: callers, MaxConnsPerHost: callers, DisableCompression: true}
	defer pool.CloseIdleConnections()
	send := func(method, path string) error {
		return sendBare(b.Context(), pool, method, host+"/v2/"+registry.Repository+path)
	}
	each := func(do func(tag, dgst string) error) {
		numbers := make([]string, appliedImages)
		digests := make(map[string]string, appliedImages)
		for i := range numbers {
			numbers[i] = registry.ListedTag(i)
			_, digests[numbers[i]] = registry.Manifest(i)
		}
		if err := measure.Bulk(callers, numbers, func(tag string) error { return do(tag, digests[tag]) }); err != nil {
			b.Fatal(err)
		}
	}
	list := func(pages int) {
		last := ""
		for i := range pages {
			if err := send(http.MethodGet, "/tags/list?n=1000"+last); err != nil {
				b.Fatal(err)
			}
			last = "&last=" + registry.ListedTag(1000*i+999)
		}
	}
	each(func(_, dgst string) error { return send(http.MethodGet, "/manifests/"+dgst) })
	_ = send(http.MethodGet, "/blobs/"+registry.ConfigDigest) // the server has no blobs
	list(appliedImages/1000 + 1)
	each(func(tag, _ string) error { return send(http.MethodHead, "/manifests/"+tag) })
	each(func(tag, dgst string) error {
		if err := send(http.MethodHead, "/manifests/"+tag); err != nil {
			return err
		}
		return send(http.MethodDelete, "/manifests/"+dgst)
	})
	list(1)
}

func sendBare(ctx context.Context, pool *http.Transport, method, url string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", registry.MediaType)
	resp, err := pool.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode >= 400 {
		return fmt.Errorf("%s %s: %s, %w", method, url, resp.Status, err)
	}
	return nil
}
