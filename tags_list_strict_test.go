package regret_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

func TestListNamesInvalidEntriesAtTheEnd(t *testing.T) {
	t.Parallel()
	valid := `"` + aSHA512 + `":{"tag":["v1"]}`
	for _, tt := range []struct {
		rule, manifests, tags string
		named                 []string
	}{
		{"a tag", ``, `"-x"`, []string{"-x"}},
		{"an empty tag", ``, `""`, []string{""}},
		{"a malformed digest", `"sha256:abc":{}`, ``, []string{"sha256:abc"}},
		{"a digest in capitals", `"SHA256:` + sixtyFour + `":{}`, ``, []string{"SHA256:" + sixtyFour}},
		{"a digest of an unknown algorithm", `"blake3:` + sixtyFour + `":{}`, ``, []string{"blake3:" + sixtyFour}},
		{"a tag in place of a digest", `"v2":{}`, ``, []string{"v2"}},
		{"an empty key", `"":{}`, ``, []string{""}},
		{"a malformed digest whose value is of another type", `"schemaVersion":2`, ``, []string{"schemaVersion"}},
		{"a manifest with an invalid tag, by the tag", `"` + aDigest + `":{"tag":["v2","-x"]}`, ``, []string{"-x"}},
		{"a manifest with an empty tag", `"` + aDigest + `":{"tag":[""]}`, ``, []string{""}},
		{"a manifest with a tag that is null", `"` + aDigest + `":{"tag":[null]}`, ``, []string{""}},
		{"a manifest with a digest among its tags", `"` + aDigest + `":{"tag":["` + aDigest + `"]}`, ``, []string{aDigest}},
		{"an invalid tag both of a manifest and in the list", `"` + aDigest + `":{"tag":["-x"]}`, `"-x"`, []string{"-x", "-x"}},
		{"several", `"sha256:abc":{},"sha256:abd":null`, `"-x","-y"`, []string{"sha256:abc", "sha256:abd", "-x", "-y"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			with := func(more, list string) string { return strings.TrimSuffix(list+","+more, ",") }
			body := `{"manifest":{` + with(tt.manifests, valid) + `},"tags":[` + with(tt.tags, `"v1"`) + `]}`
			got, err := collect(t, newClient(t, always(200, body)).List(t.Context(), repo))
			list := invalidEntries(t, err)
			if diff := cmp.Diff(tt.named, list.Entries); diff != "" || list.Total() != len(tt.named) {
				t.Errorf("%d invalid entries (-want +got):\n%s", list.Total(), diff)
			}
			if diff := cmp.Diff([]regret.ListEntry{manifestEntry(aSHA512, "v1"), {Tags: []string{"v1"}}}, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListRefusesMalformedMaps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, manifests string
		want            regret.Kind
		says            string
	}{
		{"a duplicate digest", `{"` + aDigest + `":{"tag":["v1"]},"` + aDigest + `":{}}`, regret.ErrNotRegistry, `duplicate key "` + aDigest + `"`},
		{"a duplicate digest that is escaped", `{"` + aDigest + `":{},"\u0073` + aDigest[1:] + `":{}}`, regret.ErrNotRegistry, "duplicate key"},
		{"a duplicate digest that is malformed", `{"sha256:abc":{},"sha256:abc":{}}`, regret.ErrNotRegistry, `duplicate key "sha256:abc"`},
		{"a duplicate map", `{},"manifest":{}`, regret.ErrNotRegistry, `duplicate key "manifest"`},
		{"a duplicate map after null", `null,"manifest":{}`, regret.ErrNotRegistry, `duplicate key "manifest"`},
		{"a manifest with a duplicate key", `{"` + aDigest + `":{"tag":["v1"],"tag":[]}}`, regret.ErrNotRegistry, "duplicate key"},
		{"a manifest that is a number", `{"` + aDigest + `":7}`, regret.ErrNotRegistry, "cannot unmarshal number"},
		{"a manifest that is an array", `{"` + aDigest + `":[]}`, regret.ErrNotRegistry, "cannot unmarshal array"},
		{"a list of tags that is a string", `{"` + aDigest + `":{"tag":"v1"}}`, regret.ErrNotRegistry, "cannot unmarshal string"},
		{"a tag that is a number", `{"` + aDigest + `":{"tag":[7]}}`, regret.ErrNotRegistry, "cannot unmarshal number"},
		{"a media type that is a number", `{"` + aDigest + `":{"mediaType":7}}`, regret.ErrNotRegistry, "cannot unmarshal number"},
		{"invalid UTF-8", "{\"" + aDigest + "\":{\"tag\":[\"\xff\"]}}", regret.ErrNotRegistry, "UTF-8"},
		{"a map that is cut", `{"` + aDigest + `":{"tag":["v1"]}`, regret.ErrNotRegistry, ""},
		{"a manifest of more than a megabyte", `{"` + aDigest + `":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`, regret.ErrIncompleteList, "1048576 bytes"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			body := `{"tags":["v1"],"manifest":` + tt.manifests + `}`
			_, err := collect(t, newClient(t, always(200, body)).List(t.Context(), repo))
			wantErr(t, err, tt.want)
			wantText(t, err, tt.says)
		})
	}
}

func TestTagsIgnoresGooglesMap(t *testing.T) {
	t.Parallel()
	body := `{"manifest":{"sha256:abc":7,"sha256:abc":[]},"manifest":1,"tags":["v1"]}`
	got, err := collect(t, newClient(t, always(200, body)).Tags(t.Context(), repo))
	wantErr(t, err)
	if diff := cmp.Diff([]string{"v1"}, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// A googlePage has manifests and tags with the given numbers.
func googlePage(firstManifest, manifests, firstTag, tags int) string {
	var b strings.Builder
	b.WriteString(`{"child":[],"manifest":{`)
	for i := range manifests {
		fmt.Fprintf(&b, `"%s":{"imageSizeBytes":"0","mediaType":"application/x","tag":[],"timeCreatedMs":"0","timeUploadedMs":"1605063108339"},`,
			digest.FromString(strconv.Itoa(firstManifest+i)))
	}
	page := strings.TrimSuffix(b.String(), ",") + `},"name":"team/app","tags":[`
	b.Reset()
	for i := range tags {
		fmt.Fprintf(&b, `"v%05d",`, firstTag+i)
	}
	return page + strings.TrimSuffix(b.String(), ",") + "]}"
}

func TestListOfManifestsIsCompleteOrAnError(t *testing.T) {
	t.Parallel()
	const linked = `<?last=v>; rel="next"`
	for _, tt := range []struct {
		rule   string
		first  scripted
		second []scripted
		want   regret.Kind
		says   string
		got    int // entries
	}{
		{"fewer manifests than requested are all", reply(200, googlePage(0, 999, 0, 9)), nil, "", "", 1008},
		{"more manifests than requested are all", reply(200, googlePage(0, 1500, 0, 9)), nil, "", "", 1509},
		{"more manifests and tags than requested are all", reply(200, googlePage(0, 1500, 0, 2000)), nil, "", "", 3500},
		{"more tags than requested are all, whatever the number of manifests", reply(200, googlePage(0, 1000, 0, 1001)), nil, "", "", 2001},
		{"as many manifests as requested are all if the page comes again", reply(200, googlePage(0, 1000, 0, 9)),
			[]scripted{reply(200, googlePage(0, 1000, 0, 9))}, "", "", 1009},
		{"as many untagged manifests as requested are all if the page comes again", reply(200, googlePage(0, 1000, 0, 0)),
			[]scripted{reply(200, googlePage(0, 1000, 0, 0))}, "", "", 1000},
		{"as many tags as requested are all if the page comes again", reply(200, googlePage(0, 1500, 0, 1000)),
			[]scripted{reply(200, googlePage(0, 1500, 0, 1000))}, "", "", 2500},
		{"as many manifests as requested are not all if the next page has one less", reply(200, googlePage(0, 1000, 0, 9)),
			[]scripted{reply(200, googlePage(0, 999, 0, 9))}, regret.ErrIncompleteList, "repeated", 1009},
		{"as many manifests as requested are not all if the next page has one more", reply(200, googlePage(0, 1000, 0, 9)),
			[]scripted{reply(200, googlePage(0, 1001, 0, 9))}, regret.ErrIncompleteList, "repeated", 1009},
		{"as many manifests as requested are not all if the next page has another one", reply(200, googlePage(0, 1000, 0, 9)),
			[]scripted{reply(200, googlePage(-1, 1000, 0, 9))}, regret.ErrIncompleteList, "repeated", 1010},
		{"as many tags as requested are not all if the next page has fewer manifests", reply(200, googlePage(0, 1500, 0, 1000)),
			[]scripted{reply(200, googlePage(0, 1499, 0, 1000))}, regret.ErrIncompleteList, "repeated", 2500},
		{"the next page may have others", reply(200, googlePage(0, 1000, 0, 9)),
			[]scripted{reply(200, googlePage(1000, 9, 9, 9))}, "", "", 1027},
		{"a page may repeat manifests of the linked one before", reply(200, googlePage(0, 9, 0, 9), "Link", linked),
			[]scripted{reply(200, googlePage(5, 9, 9, 9))}, "", "", 36},
		{"a page may not repeat tags of the linked one before", reply(200, googlePage(0, 9, 0, 9), "Link", linked),
			[]scripted{reply(200, googlePage(9, 9, 5, 9))}, regret.ErrIncompleteList, "repeated", 27},
		{"a page with manifests only is not empty", reply(200, googlePage(0, 1, 0, 0), "Link", linked),
			[]scripted{reply(200, googlePage(1, 1, 0, 0), "Link", `<?last=a>; rel="next"`), reply(200, googlePage(2, 1, 0, 0), "Link", `<?last=b>; rel="next"`),
				reply(200, googlePage(3, 1, 0, 0))}, "", "", 4},
		{"10,000 manifests may not be all", reply(200, googlePage(0, 10_000, 0, 9)), nil, regret.ErrIncompleteList, "Artifact Registry cuts longer lists", 10_009},
		{"10,000 tags may not be all", reply(200, googlePage(0, 9, 0, 10_000)), nil, regret.ErrIncompleteList, "Artifact Registry cuts longer lists", 10_009},
		{"10,001 manifests and tags are all", reply(200, googlePage(0, 10_001, 0, 10_001)), nil, "", "", 20_002},
		{"10,000 tags without manifests are not from Artifact Registry", reply(200, googlePage(0, 0, 0, 10_000)), nil, "", "", 10_000},
		{"10,000 manifests before a link are not all", reply(200, googlePage(0, 10_000, 0, 9), "Link", linked),
			[]scripted{reply(200, googlePage(10_000, 9, 9, 9))}, "", "", 10_027},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := newScript(append([]scripted{tt.first}, tt.second...)...)
			got, err := collect(t, newClient(t, s).List(t.Context(), repo))
			if tt.want == "" {
				wantErr(t, err)
			} else {
				wantErr(t, err, tt.want)
				wantText(t, err, tt.says)
			}
			if len(got) != tt.got {
				t.Errorf("%d entries, want %d", len(got), tt.got)
			}
			if len(s.sent) != 1+len(tt.second) {
				t.Errorf("requests %q, want %d", s.sent, 1+len(tt.second))
			}
		})
	}
}

func TestListedManifestsCountTowardsTheLimitOfEntries(t *testing.T) {
	t.Parallel()
	limits := regret.DefaultLimits()
	limits.Entries = 10
	for manifests, want := range map[int]error{7: nil, 8: regret.ErrIncompleteList, 11: regret.ErrIncompleteList} {
		c := newClient(t, always(http.StatusOK, googlePage(0, manifests, 0, 3)), regret.WithLimits(limits))
		_, err := collect(t, c.List(t.Context(), repo))
		if want == nil {
			wantErr(t, err)
		} else {
			wantErr(t, err, want)
		}
	}
}
