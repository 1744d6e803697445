package main

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// startServer serves registry on the loopback interface and returns its URL.
func startServer(t *testing.T, registry *fakeregistry.Registry) string {
	t.Helper()
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	return server.URL
}

// typing returns a terminal whose user types s.
func typing(s string) terminal { return terminal{in: strings.NewReader(s)} }

func TestShowsTheImageAndItsTagsBeforeAsking(t *testing.T) {
	t.Parallel()
	registry := fakeregistry.New()
	index := registry.PutIndex("team/app", []string{"one", "two"}, "v1", "v1.2", "latest")
	registry.PutImage("team/app", "three", "v2")
	url := startServer(t, registry)

	out, errs, code := runCommand(t, typing("n\n"), "-registry", url, "team/app:v1")
	want := fmt.Sprintf(`team/app:v1 at %s
     HEAD   /v2/team/app/manifests/v1  200
   digest      %s
   media type  application/vnd.oci.image.index.v1+json
   other tags  latest v1.2
Delete this image and all of its tags? [y/N] Nothing was deleted.
`, url, index.Digest)
	if diff := cmp.Diff(want, out); diff != "" || errs != "" || code != 0 {
		t.Errorf("exit code %d, standard error %q, output (-want +got):\n%s", code, errs, diff)
	}
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, typed string
		deletes     bool
	}{
		{"y deletes", "y\n", true},
		{"yes deletes", "Yes\r\n", true},
		{"y without a newline deletes", "y", true},
		{"n deletes nothing", "n\n", false},
		{"an empty line deletes nothing", "\n", false},
		{"the end of the input deletes nothing", "", false},
		{"any other word deletes nothing", "yesterday\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			registry := fakeregistry.New()
			image := registry.PutImage("team/app", "hello", "v1", "latest")
			out, errs, code := runCommand(t, typing(c.typed), "-registry", startServer(t, registry), "team/app:v1")
			if code != 0 || errs != "" {
				t.Errorf("exit code %d, standard error %q", code, errs)
			}
			if there := registry.HasManifest("team/app", image.Digest); there == c.deletes {
				t.Errorf("image exists: %t, want %t", there, !c.deletes)
			}
			if !c.deletes && len(registry.Writes()) > 0 {
				t.Errorf("sent %v", registry.Writes())
			}
			if c.deletes && !strings.Contains(out, "team/app:v1 is gone.") {
				t.Errorf("the output does not report the deletion:\n%s", out)
			}
		})
	}
}

// hookedReader calls first before its first read, to change the registry while the command waits.
type hookedReader struct {
	first func()
	io.Reader
}

func (r *hookedReader) Read(p []byte) (int, error) {
	if r.first != nil {
		r.first()
		r.first = nil
	}
	return r.Reader.Read(p)
}

func TestTagPushedAgainWhileAsking(t *testing.T) {
	t.Parallel()
	registry := fakeregistry.New()
	shown := registry.PutImage("team/app", "old", "v1")
	pushed := shown
	tty := terminal{in: &hookedReader{
		first:  func() { pushed = registry.PutImage("team/app", "new", "v1") },
		Reader: strings.NewReader("y\n"),
	}}
	out, errs, code := runCommand(t, tty, "-registry", startServer(t, registry), "team/app:v1")
	if code != 0 || !strings.Contains(out, "was pushed again in the meantime and now points to "+pushed.Digest.String()) {
		t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
	}
	if registry.HasManifest("team/app", shown.Digest) || !registry.HasManifest("team/app", pushed.Digest) {
		t.Error("want the image that was shown, and no other, to be deleted")
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	registry := fakeregistry.New(fakeregistry.WithBasicAuth("ann", "secret"))
	registry.PutImage("team/app", "hello", "v1")
	url := startServer(t, registry)
	args := []string{"-registry", url, "-user", "ann", "-yes", "team/app:v1"}

	if _, errs, code := runCommand(t, terminal{}, args...); code != 1 || !strings.Contains(errs, "REGRET_PASSWORD") {
		t.Errorf("without a password: exit code %d, standard error %q", code, errs)
	}
	if sent := registry.Requests(); len(sent) > 0 {
		t.Errorf("without a password: sent %v", sent)
	}
	env := map[string]string{"REGRET_PASSWORD": "secret"}
	out, errs, code := runCommand(t, terminal{env: func(name string) string { return env[name] }}, args...)
	if code != 0 || len(registry.Tags("team/app")) > 0 {
		t.Errorf("exit code %d, standard error %q", code, errs)
	}
	if strings.Contains(out+errs, "secret") || strings.Contains(out, "[y/N]") {
		t.Errorf("the output shows the password, or -yes asks:\n%s%s", out, errs)
	}
}

func TestOtherTags(t *testing.T) {
	t.Parallel()
	t.Run("are shown beside entries that are not valid tags", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New(fakeregistry.WithExtraTags("-ot-beta"))
		registry.PutImage("team/app", "hello", "v1", "latest")
		out, errs, code := runCommand(t, typing("n\n"), "-registry", startServer(t, registry), "team/app:v1")
		if code != 0 || errs != "" || !strings.Contains(out, "other tags  latest\n") || !strings.Contains(out, `there may be more tags: regret: tags team/app: the list has invalid entries`) {
			t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
		}
	})
	t.Run("stops after 200 tags and says so", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		for i := range 300 {
			registry.PutImage("team/app", "other", fmt.Sprintf("other-%03d", i))
		}
		out, _, _ := runCommand(t, typing("n\n"), "-registry", startServer(t, registry), "team/app:v1")
		if !strings.Contains(out, "there may be more tags: stopped after checking 200 tags") {
			t.Errorf("output:\n%s", out)
		}
	})
	t.Run("checks up to 200 tags", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		for i := range 200 {
			registry.PutImage("team/app", "other", fmt.Sprintf("other-%03d", i))
		}
		out, _, _ := runCommand(t, typing("n\n"), "-registry", startServer(t, registry), "team/app:v1")
		if !strings.Contains(out, "other tags  none\n") {
			t.Errorf("output:\n%s", out)
		}
	})
	t.Run("ignores a tag without a manifest", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		image := registry.PutImage("team/app", "hello", "v1", "v2")
		gone := registry.PutImage("team/other", "gone")
		registry.SetTag("team/app", "dangling", gone.Digest)
		out, _, _ := runCommand(t, typing("n\n"), "-registry", startServer(t, registry), "team/app:v1")
		if !strings.Contains(out, "other tags  v2\n") || !strings.Contains(out, image.Digest.String()) {
			t.Errorf("output:\n%s", out)
		}
	})
	t.Run("reports that the tags cannot be listed", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		registry.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), fakeregistry.Errors(403, "DENIED", "no"))
		out, _, _ := runCommand(t, typing("n\n"), "-registry", startServer(t, registry), "team/app:v1")
		if !strings.Contains(out, "there may be more tags: regret: tags team/app: permission denied") {
			t.Errorf("output:\n%s", out)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	t.Run("a refused deletion is a failure with a hint", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New(fakeregistry.WithDeleteDisabled())
		registry.PutImage("team/app", "hello", "v1")
		out, errs, code := runCommand(t, terminal{}, "-registry", startServer(t, registry), "-yes", "team/app:v1")
		if code != 1 || !strings.Contains(errs, "storage.delete.enabled") || strings.Contains(out, "Deleted") {
			t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
		}
	})
	t.Run("an unknown tag is a failure before anything is asked or deleted", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		out, errs, code := runCommand(t, terminal{}, "-registry", startServer(t, registry), "team/app:v2")
		if code != 1 || !strings.Contains(errs, "MANIFEST_UNKNOWN") || strings.Contains(out, "[y/N]") {
			t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
		}
		if len(registry.Writes()) > 0 {
			t.Errorf("sent %v", registry.Writes())
		}
	})
	for name, args := range map[string][]string{
		"an image without a registry": {"team/app:v1"},
		"a registry without an image": {"-registry", "localhost:5000"},
		"an image without a tag":      {"-registry", "localhost:5000", "team/app"},
		"an image with an empty tag":  {"-registry", "localhost:5000", "team/app:"},
		"two images":                  {"-registry", "localhost:5000", "team/app:v1", "team/app:v2"},
		"an unknown flag":             {"-force"},
		"a flag without an image":     {"-yes"},
	} {
		t.Run(name+" is a usage error", func(t *testing.T) {
			t.Parallel()
			out, errs, code := runCommand(t, terminal{}, args...)
			if code != 2 || out != "" || !strings.Contains(errs, "usage: quickstart") {
				t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
			}
		})
	}
	t.Run("help is not a failure", func(t *testing.T) {
		t.Parallel()
		if _, errs, code := runCommand(t, terminal{}, "-h"); code != 0 || !strings.Contains(errs, "usage: quickstart") {
			t.Errorf("exit code %d, standard error %q", code, errs)
		}
	})
}
