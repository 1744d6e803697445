package trash_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

var tag = trash.New(evening, plan, image)

// write returns indexes, and fails if there is an error.
func write(t *testing.T, images ...trash.Image) []trash.Index {
	t.Helper()
	indexes, err := trash.Write(tag, images)
	if err != nil {
		t.Fatal(err)
	}
	return indexes
}

func TestWrite(t *testing.T) {
	t.Parallel()
	t.Run("names of a few images are in one index that lists nothing", func(t *testing.T) {
		t.Parallel()
		indexes := write(t, trash.Image{image, []string{"pr-2", "pr-1"}}, trash.Image{plan, []string{"pr-3"}})
		if len(indexes) != 1 || indexes[0].Tag != "regret-trash-20260201-0123abcd-names-1" {
			t.Fatalf("indexes: %+v", indexes)
		}
		const want = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{` +
			`"com.github.seed-8cb7cc86.regret.names/` + string(plan) + `":"pr-3",` +
			`"com.github.seed-8cb7cc86.regret.names/` + string(image) + `":"pr-2 pr-1",` +
			`"com.github.seed-8cb7cc86.regret.trash":"regret-trash-20260201-0123abcd-names-1",` +
			`"org.opencontainers.image.description":"names of the images in the trash, to restore them"}}`
		m := indexes[0].Manifest
		if diff := cmp.Diff(want, string(m.Raw)); diff != "" {
			t.Errorf("content (-want +got):\n%s", diff)
		}
		if d := m.Descriptor; d.Digest != digest.FromBytes(m.Raw) || d.Size != int64(len(m.Raw)) || d.MediaType != ocispec.MediaTypeImageIndex {
			t.Errorf("descriptor: %+v", d)
		}
	})
	t.Run("without images there is no index", func(t *testing.T) {
		t.Parallel()
		if indexes := write(t); len(indexes) != 0 {
			t.Errorf("indexes: %+v", indexes)
		}
	})
	t.Run("the same images make another index on another day", func(t *testing.T) {
		t.Parallel()
		images := []trash.Image{{image, []string{"pr-1"}}}
		other, err := trash.Write(trash.New(evening.AddDate(0, 0, 1), plan, image), images)
		if err != nil || other[0].Manifest.Descriptor.Digest == write(t, images...)[0].Manifest.Descriptor.Digest {
			t.Errorf("it is the same manifest, or there is an error: %v", err)
		}
	})
	t.Run("the names of an image are in one index, so that the loss of another loses none of them", func(t *testing.T) {
		t.Parallel()
		var images []trash.Image
		for i := range 6_000 {
			names := []string{fmt.Sprintf("pr-%d", i), strings.Repeat("x", 100), "pr-0"}
			images = append(images, trash.Image{digest.FromString(fmt.Sprint(i)), names})
		}
		indexes := write(t, images...)
		seen := make(map[regret.Digest]bool)
		for _, index := range indexes {
			read, err := trash.Read(index.Tag, index.Manifest.Raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, image := range read {
				if seen[image.Digest] || len(image.Tags) != 3 {
					t.Errorf("%s has only the names %q of %s", index.Tag, image.Tags, image.Digest)
				}
				seen[image.Digest] = true
			}
		}
		if len(indexes) < 2 || len(seen) != len(images) {
			t.Errorf("%d indexes of %d images", len(indexes), len(seen))
		}
	})
	t.Run("no index is larger than 1 MiB, and together they keep all names", func(t *testing.T) {
		t.Parallel()
		var images []trash.Image
		want := map[string]string{}
		for i := range 12_000 {
			dgst := digest.FromString(fmt.Sprint(i))
			name := fmt.Sprintf("pr-%d", i)
			images = append(images, trash.Image{dgst, []string{name, name + "-amd64"}})
			want[name], want[name+"-amd64"] = string(dgst), string(dgst)
		}
		many := trash.Image{Digest: image} // more than fit into one index
		for i := range 9_000 {
			name := fmt.Sprintf("%s-%05d", strings.Repeat("x", 120), i)
			many.Tags = append(many.Tags, name)
			want[name] = string(image)
		}
		indexes := write(t, append(images, many)...)
		got := map[string]string{}
		for i, index := range indexes {
			if size := len(index.Manifest.Raw); size > 1<<20 || size < 1<<19 && i < len(indexes)-1 {
				t.Errorf("%s has %d bytes", index.Tag, size)
			}
			read, err := trash.Read(index.Tag, index.Manifest.Raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, image := range read {
				for _, name := range image.Tags {
					got[name] = string(image.Digest)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(indexes) != 3 {
			t.Errorf("%d indexes, names (-want +got):\n%s", len(indexes), diff)
		}
	})
}

func TestRead(t *testing.T) {
	t.Parallel()
	index := write(t, trash.Image{image, []string{"pr-2", "pr-1"}}, trash.Image{plan, []string{"pr-3"}})[0]
	images, err := trash.Read(index.Tag, index.Manifest.Raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]trash.Image{{plan, []string{"pr-3"}}, {image, []string{"pr-2", "pr-1"}}}, images); diff != "" {
		t.Errorf("images by digest (-want +got):\n%s", diff)
	}
	for what, raw := range map[string]string{
		"an index for another tag is refused":      strings.Replace(string(index.Manifest.Raw), "-names-1", "-names-2", 1),
		"another index is refused":                 `{"schemaVersion":2,"manifests":[]}`,
		"an index without names is refused":        `{"annotations":{"com.github.seed-8cb7cc86.regret.trash":"` + index.Tag + `"}}`,
		"an invalid digest is refused":             strings.Replace(string(index.Manifest.Raw), string(image), string(image)[:70], 1),
		"an invalid tag is refused":                strings.Replace(string(index.Manifest.Raw), "pr-3", "../3", 1),
		"a tag between two spaces is refused":      strings.Replace(string(index.Manifest.Raw), "pr-2 pr-1", "pr-2  pr-1", 1),
		"what is no JSON is refused":               "{",
		"annotations that are no text are refused": `{"annotations":{"com.github.seed-8cb7cc86.regret.trash":1}}`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if images, err := trash.Read(index.Tag, []byte(raw)); err == nil {
				t.Errorf("it was read: %+v", images)
			}
		})
	}
}

// FuzzRead checks that what is read is written the same way again, and that nothing is read
// that could not be a tag or a digest.
func FuzzRead(f *testing.F) {
	indexes, err := trash.Write(tag, []trash.Image{{image, []string{"pr-2", "pr-1"}}, {plan, []string{"pr-3"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(indexes[0].Manifest.Raw))
	f.Add(`{"annotations":{"com.github.seed-8cb7cc86.regret.trash":"regret-trash-20260201-0123abcd-names-1","com.github.seed-8cb7cc86.regret.names/` + string(image) + `":"a a"}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		images, err := trash.Read(indexes[0].Tag, []byte(raw))
		if err != nil {
			return
		}
		again, err := trash.Write(tag, images)
		if err != nil || len(again) != 1 {
			return // the input is larger than an index that is written
		}
		read, err := trash.Read(again[0].Tag, again[0].Manifest.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(images, read); diff != "" {
			t.Errorf("written and read again (-want +got):\n%s", diff)
		}
		if !json.Valid(again[0].Manifest.Raw) {
			t.Error("it is no JSON")
		}
	})
}
