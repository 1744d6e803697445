package regret_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

// FuzzListPage responds with arbitrary pages of tags and manifests. Every name that is yielded is
// valid, every time can be encoded, an error comes last, and a list without an error has exactly
// the tags and manifests of the JSON.
func FuzzListPage(f *testing.F) {
	const member = `{"imageSizeBytes":"7","layerId":"","mediaType":"application/x","tag":["v1"],"timeCreatedMs":"0","timeUploadedMs":"1605063108339"}`
	for _, body := range []string{
		`{"name":"team/app","tags":["a","b"]}`, `{"tags":null}`, `{"tags":["a","` + aDigest + `","-x"]}`, `{"tags":[1]}`, `{"tags":[],"manifest":null}`,
		`{"child":[],"manifest":{"` + aDigest + `":` + member + `},"name":"team/app","tags":["v1"]}`,
		`{"tags":["v1"],"manifest":{"` + aDigest + `":` + member + `,"` + someDigest + `":{"tag":[],"timeUploadedMs":1605063108339}}}`,
		`{"tags":[],"manifest":{"` + aDigest + `":{},"` + aDigest + `":{}}}`, `{"tags":[],"manifest":{"sha256:abc":7}}`, `{"tags":[],"manifest":[]}`,
		`{"tags":[],"manifest":{"` + aDigest + `":{"tag":["-x"]}}}`, `{"tags":[],"manifest":{"` + aDigest + `":{"tag":"x"}}}`, `{"tags":[],"manifest":{}`,
		`{"tags":[],"manifest":{"` + aDigest + `":{"timeCreatedMs":-1,"timeUploadedMs":"253402300799999"}}}`, `{"tags":[],"manifest":{"` + aDigest + `":null}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := collect(t, newClient(t, always(200, body), fuzzOptions()...).List(t.Context(), repo))
		for _, entry := range got {
			wantValidEntry(t, entry)
		}
		if err != nil {
			wantRegretError(t, err)
			if list, ok := errors.AsType[*regret.InvalidEntriesError](err); ok != errors.Is(err, regret.ErrInvalidEntries) || ok && list.Total() == 0 {
				t.Errorf("invalid entries %v: %v", list, err)
			}
			return
		}
		var tags, digests []string
		for _, entry := range got {
			if dgst := string(entry.Descriptor.Digest); dgst != "" {
				digests = append(digests, dgst)
			} else {
				tags = append(tags, entry.Tags...)
			}
		}
		wantTags, wantDigests := listedNames(t, body)
		slices.Sort(digests)
		if !slices.Equal(tags, wantTags) || !slices.Equal(digests, wantDigests) {
			t.Errorf("tags %q, want %q; digests %q, want %q", tags, wantTags, digests, wantDigests)
		}
	})
}

// wantValidEntry checks that an entry has a tag, a digest, or both, and that they are valid.
func wantValidEntry(t *testing.T, entry regret.ListEntry) {
	t.Helper()
	dgst := entry.Descriptor.Digest
	if dgst == "" && (len(entry.Tags) != 1 || !cmp.Equal(entry, regret.ListEntry{Tags: entry.Tags})) {
		t.Errorf("not a tag alone: %+v", entry)
	}
	if dgst != "" && dgst.Validate() != nil {
		t.Errorf("invalid digest %q", dgst)
	}
	for _, tag := range entry.Tags {
		if _, err := regret.ParseReference(host + "/" + repo + ":" + tag); err != nil {
			t.Errorf("invalid tag %q: %v", tag, err)
		}
	}
	for _, at := range []time.Time{entry.Created, entry.Uploaded} {
		if _, err := at.MarshalJSON(); err != nil || at.Before(time.Time{}) || at.Location() != time.UTC {
			t.Errorf("invalid time %v: %v", at, err)
		}
	}
	if entry.Descriptor.Size != 0 || !entry.Pulled.IsZero() || entry.NeverPulled {
		t.Errorf("more than the list has: %+v", entry)
	}
}

// listedNames returns the tags of a page and, sorted, its digests.
func listedNames(t *testing.T, body string) (tags, digests []string) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil || members["tags"] == nil {
		t.Fatalf("a complete list of %q: %v", body, err)
	}
	var names []string
	if err := json.Unmarshal(members["tags"], &names); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if digest.Digest(name).Validate() == nil {
			digests = append(digests, name)
		} else {
			tags = append(tags, name)
		}
	}
	if manifest := members["manifest"]; strings.HasPrefix(string(manifest), "{") {
		var values map[string]json.RawMessage
		if err := json.Unmarshal(manifest, &values); err != nil {
			t.Fatal(err)
		}
		digests = slices.AppendSeq(digests, maps.Keys(values))
	}
	slices.Sort(digests)
	return tags, digests
}
