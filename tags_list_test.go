package regret_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// tagEntries returns an entry for each tag.
func tagEntries(tags ...string) []regret.ListEntry {
	entries := []regret.ListEntry{}
	for _, tag := range tags {
		entries = append(entries, regret.ListEntry{Tags: []string{tag}})
	}
	return entries
}

// manifestEntry returns an entry for a manifest of which only the digest is known.
func manifestEntry(dgst regret.Digest, tags ...string) regret.ListEntry {
	return regret.ListEntry{Tags: tags, Descriptor: regret.Descriptor{Digest: dgst}}
}

func TestListYieldsTags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule string
		tags int
		opts []fakeregistry.Option
	}{
		{"of one page", 3, nil},
		{"of an empty list", 0, nil},
		{"of a list that is null", 0, []fakeregistry.Option{fakeregistry.WithNullTags()}},
		{"of several pages", 2500, nil},
		{"of a full page, after which it asks for more", 1000, nil},
		{"of a registry that cuts pages", 30, []fakeregistry.Option{fakeregistry.WithPageCap(10)}},
		{"of a registry without paging", 1500, []fakeregistry.Option{fakeregistry.WithoutPaging()}},
		{"of a registry that refuses large pages", 250, []fakeregistry.Option{fakeregistry.WithMaxSize(100, fakeregistry.SizeRefusedByQuay)}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg, _ := withTags(tt.tags, tt.opts...)
			c := newClient(t, reg)
			tags, err := collect(t, c.Tags(t.Context(), repo))
			wantErr(t, err)
			want := requests(t, reg)
			for range 2 { // ranging again sends the requests again
				reg.ResetLog()
				got, err := collect(t, c.List(t.Context(), repo))
				wantErr(t, err)
				if diff := cmp.Diff(tagEntries(tags...), got); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
				wantRequests(t, reg, want...) // those of Tags
			}
		})
	}
}

func TestListYieldsGooglesManifests(t *testing.T) {
	t.Parallel()
	built, pushed := time.UnixMilli(1595895577054).UTC(), time.UnixMilli(1597767277119).UTC()
	reg := fakeregistry.Google().New()
	image := reg.PutImage(repo, "hello", "v1", "latest")
	untagged := reg.PutImage(repo, "another")
	reg.SetTimes(repo, image.Digest, built, pushed)
	reg.SetTimes(repo, untagged.Digest, time.Time{}, pushed)
	reg.ResetLog()
	got, err := collect(t, newClient(t, reg).List(t.Context(), repo))
	wantErr(t, err)
	wantRequests(t, reg, "GET /v2/team/app/tags/list?n=1000 200")
	byName := map[string]regret.ListEntry{}
	for _, entry := range got {
		if name := string(entry.Descriptor.Digest); name != "" {
			byName[name] = entry
		} else {
			byName[strings.Join(entry.Tags, " ")] = entry
		}
	}
	want := map[string]regret.ListEntry{
		"v1":     {Tags: []string{"v1"}},
		"latest": {Tags: []string{"latest"}},
		string(image.Digest): {
			Tags:       []string{"latest", "v1"},
			Descriptor: regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: image.Digest},
			Created:    built, Uploaded: pushed,
		},
		string(untagged.Digest): {
			Descriptor: regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: untagged.Digest},
			Uploaded:   pushed,
		},
	}
	if diff := cmp.Diff(want, byName); diff != "" || len(got) != len(want) {
		t.Errorf("%d entries (-want +got):\n%s", len(got), diff)
	}
}

func TestListYieldsDigestsAmongTheTags(t *testing.T) {
	t.Parallel()
	got, err := collect(t, newClient(t, always(200, quotedList("1.0", aDigest, "latest", aSHA512))).List(t.Context(), repo))
	wantErr(t, err)
	want := []regret.ListEntry{{Tags: []string{"1.0"}}, manifestEntry(aDigest), {Tags: []string{"latest"}}, manifestEntry(aSHA512)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestListReadsMembersOfGooglesMap(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1605063108339).UTC()
	withTimes := func(created, uploaded time.Time) regret.ListEntry {
		return regret.ListEntry{Descriptor: regret.Descriptor{Digest: aDigest}, Created: created, Uploaded: uploaded}
	}
	for _, tt := range []struct {
		rule, member string
		want         regret.ListEntry
	}{
		{"an empty object is a digest", `{}`, manifestEntry(aDigest)},
		{"null is a digest", `null`, manifestEntry(aDigest)},
		{"a list of tags that is null is empty", `{"tag":null}`, manifestEntry(aDigest)},
		{"an empty list of tags is empty", `{"tag":[]}`, manifestEntry(aDigest)},
		{"tags keep their order", `{"tag":["b","a","c"]}`, manifestEntry(aDigest, "b", "a", "c")},
		{"a media type is yielded as it is", `{"mediaType":"application/x"}`,
			regret.ListEntry{Descriptor: regret.Descriptor{MediaType: "application/x", Digest: aDigest}}},
		{"the size of the image is not that of the manifest", `{"imageSizeBytes":"763789"}`, manifestEntry(aDigest)},
		{"other members are ignored", `{"layerId":"","x":[{}]}`, manifestEntry(aDigest)},
		{"names in another case are other names", `{"Tag":["a"],"MEDIATYPE":"x","TimeUploadedMs":"1605063108339"}`, manifestEntry(aDigest)},
		{"times are milliseconds in a string", `{"timeCreatedMs":"1605063108339","timeUploadedMs":"1605063108340"}`, withTimes(at, at.Add(time.Millisecond))},
		{"times may be numbers", `{"timeCreatedMs":1605063108339,"timeUploadedMs":1605063108340}`, withTimes(at, at.Add(time.Millisecond))},
		{"a time of 0 is unknown", `{"timeCreatedMs":"0","timeUploadedMs":0}`, manifestEntry(aDigest)},
		{"one time may be unknown", `{"timeCreatedMs":"0","timeUploadedMs":"1605063108339"}`, withTimes(time.Time{}, at)},
		{"a time that is null is unknown", `{"timeCreatedMs":null,"timeUploadedMs":"1605063108339"}`, withTimes(time.Time{}, at)},
		{"a negative time is unknown", `{"timeCreatedMs":"-1605063108339","timeUploadedMs":-1}`, manifestEntry(aDigest)},
		{"a time in words is unknown", `{"timeCreatedMs":"yesterday","timeUploadedMs":"2020-11-11T02:51:48Z"}`, manifestEntry(aDigest)},
		{"an empty time is unknown", `{"timeCreatedMs":"","timeUploadedMs":" 1605063108339"}`, manifestEntry(aDigest)},
		{"a fraction is unknown", `{"timeCreatedMs":1605063108339.5,"timeUploadedMs":1.6e12}`, manifestEntry(aDigest)},
		{"a time of another type is unknown", `{"timeCreatedMs":{"ms":1605063108339},"timeUploadedMs":[1605063108339]}`, manifestEntry(aDigest)},
		{"a time after the year 9999 is unknown", `{"timeCreatedMs":"253402300800000","timeUploadedMs":"99999999999999999999"}`, manifestEntry(aDigest)},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"child":["below"],"manifest":{%q:%s},"name":"team/app","tags":["v1"]}`, aDigest, tt.member)
			got, err := collect(t, newClient(t, always(200, body)).List(t.Context(), repo))
			wantErr(t, err)
			if diff := cmp.Diff([]regret.ListEntry{tt.want, {Tags: []string{"v1"}}}, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListReadsPlacesOfGooglesMap(t *testing.T) {
	t.Parallel()
	tag, manifest := tagEntries("v1")[0], manifestEntry(aDigest)
	for _, tt := range []struct {
		rule, body string
		want       []regret.ListEntry
	}{
		{"before the tags", `{"manifest":{"` + aDigest + `":{}},"tags":["v1"]}`, []regret.ListEntry{manifest, tag}},
		{"after the tags", `{"tags":["v1"],"manifest":{"` + aDigest + `":{}}}`, []regret.ListEntry{tag, manifest}},
		{"without tags", `{"tags":[],"manifest":{"` + aDigest + `":{}}}`, []regret.ListEntry{manifest}},
		{"several manifests", `{"manifest":{"` + aSHA512 + `":{},"` + aDigest + `":{}},"tags":null}`, []regret.ListEntry{manifestEntry(aSHA512), manifest}},
		{"a digest that is also listed as a tag", `{"tags":["` + aDigest + `"],"manifest":{"` + aDigest + `":{}}}`, []regret.ListEntry{manifest, manifest}},
		{"an empty map", `{"manifest":{},"tags":["v1"]}`, []regret.ListEntry{tag}},
		{"a map that is null", `{"manifest":null,"tags":["v1"]}`, []regret.ListEntry{tag}},
		{"another type of value is not the map", `{"manifest":["` + aDigest + `"],"tags":["v1"]}`, []regret.ListEntry{tag}},
		{"a key in another case is not the map", `{"Manifest":{"` + aDigest + `":{}},"tags":["v1"]}`, []regret.ListEntry{tag}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got, err := collect(t, newClient(t, always(200, tt.body)).List(t.Context(), repo))
			wantErr(t, err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListOfManifestsStopsEarly(t *testing.T) {
	t.Parallel()
	for _, stop := range []int{1, 2, 3, 4} {
		t.Run(fmt.Sprintf("after a break at entry %d", stop), func(t *testing.T) {
			t.Parallel()
			s := newScript(reply(200, `{"manifest":{"`+aDigest+`":{},"`+aSHA512+`":{}},"tags":["v1","v2"]}`, "Link", `<?last=v2>; rel="next"`))
			n := 0
			for _, err := range newClient(t, s).List(t.Context(), repo) {
				wantErr(t, err)
				if n++; n == stop {
					break
				}
			}
			s.want(t, "GET /v2/team/app/tags/list?n=1000")
		})
	}
}

func TestListChecksTheNameOfTheRepository(t *testing.T) {
	t.Parallel()
	reg, _ := withTags(3)
	_, err := collect(t, newClient(t, reg).List(t.Context(), "Team/App"))
	if e := wantErr(t, err, regret.ErrInvalid); e.Op != "list" {
		t.Errorf("operation %q", e.Op)
	}
	wantRequests(t, reg)
}

func TestVerificationLooksAtTagsThatListHasListed(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.GoContainerRegistry().New()
	image := reg.PutImage(repo, "hello", "v1", "v2")
	c := newClient(t, reg, regret.WithVerification())
	_, err := collect(t, c.List(t.Context(), repo))
	wantErr(t, err)
	err = c.DeleteManifest(t.Context(), repo, image.Digest)
	wantErr(t, err, regret.ErrStillPresent)
	wantText(t, err, "the tags v1, v2 still point to it")
}
