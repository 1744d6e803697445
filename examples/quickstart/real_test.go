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

// listen puts a registry on a loopback socket and returns its URL.
func listen(t *testing.T, registry *fakeregistry.Registry) string {
	t.Helper()
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	return server.URL
}

// answering is the input of somebody who types this.
func answering(s string) terminal { return terminal{in: strings.NewReader(s)} }

func TestWhatWouldGoIsShownBeforeTheQuestion(t *testing.T) {
	t.Parallel()
	registry := fakeregistry.New()
	index := registry.PutIndex("team/app", []string{"one", "two"}, "v1", "v1.2", "latest")
	registry.PutImage("team/app", "three", "v2")
	url := listen(t, registry)

	out, errs, code := command(t, answering("n\n"), "-registry", url, "team/app:v1")
	want := fmt.Sprintf(`team/app:v1 at %s
     HEAD   /v2/team/app/manifests/v1  200
   digest     %s
   type       application/vnd.oci.image.index.v1+json
   goes with  latest v1.2
Delete it, with all of its tags? [y/N] Nothing was deleted.
`, url, index.Digest)
	if diff := cmp.Diff(want, out); diff != "" || errs != "" || code != 0 {
		t.Errorf("exit code %d, standard error %q, output (-want +got):\n%s", code, errs, diff)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, typed string
		deletes     bool
	}{
		{"y deletes", "y\n", true},
		{"yes deletes", "Yes\r\n", true},
		{"y without a line's end deletes", "y", true},
		{"n deletes nothing", "n\n", false},
		{"an empty line deletes nothing", "\n", false},
		{"the end of the input deletes nothing", "", false},
		{"any other word deletes nothing", "yesterday\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			registry := fakeregistry.New()
			image := registry.PutImage("team/app", "hello", "v1", "latest")
			out, errs, code := command(t, answering(c.typed), "-registry", listen(t, registry), "team/app:v1")
			if code != 0 || errs != "" {
				t.Errorf("exit code %d, standard error %q", code, errs)
			}
			if there := registry.HasManifest("team/app", image.Digest); there == c.deletes {
				t.Errorf("the image is still there: %t", there)
			}
			if !c.deletes && len(registry.Writes()) > 0 {
				t.Errorf("sent %v", registry.Writes())
			}
			if c.deletes && !strings.Contains(out, "team/app:v1 is gone.") {
				t.Errorf("the output does not say so:\n%s", out)
			}
		})
	}
}

// typist types an answer after something happened.
type typist struct {
	first func()
	io.Reader
}

func (t *typist) Read(p []byte) (int, error) {
	if t.first != nil {
		t.first()
		t.first = nil
	}
	return t.Reader.Read(p)
}

func TestTagThatMovesDuringTheQuestion(t *testing.T) {
	t.Parallel()
	registry := fakeregistry.New()
	shown := registry.PutImage("team/app", "old", "v1")
	pushed := shown
	tty := terminal{in: &typist{
		first:  func() { pushed = registry.PutImage("team/app", "new", "v1") },
		Reader: strings.NewReader("y\n"),
	}}
	out, errs, code := command(t, tty, "-registry", listen(t, registry), "team/app:v1")
	if code != 0 || !strings.Contains(out, "was pushed anew meanwhile: it is "+pushed.Digest.String()) {
		t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
	}
	if registry.HasManifest("team/app", shown.Digest) || !registry.HasManifest("team/app", pushed.Digest) {
		t.Error("not the image that was shown is gone")
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	registry := fakeregistry.New(fakeregistry.WithBasicAuth("ann", "secret"))
	registry.PutImage("team/app", "hello", "v1")
	url := listen(t, registry)
	args := []string{"-registry", url, "-user", "ann", "-yes", "team/app:v1"}

	if _, errs, code := command(t, terminal{}, args...); code != 1 || !strings.Contains(errs, "REGRET_PASSWORD") {
		t.Errorf("without a password: exit code %d, standard error %q", code, errs)
	}
	if sent := registry.Requests(); len(sent) > 0 {
		t.Errorf("without a password: sent %v", sent)
	}
	env := map[string]string{"REGRET_PASSWORD": "secret"}
	out, errs, code := command(t, terminal{env: func(name string) string { return env[name] }}, args...)
	if code != 0 || len(registry.Tags("team/app")) > 0 {
		t.Errorf("exit code %d, standard error %q", code, errs)
	}
	if strings.Contains(out+errs, "secret") || strings.Contains(out, "[y/N]") {
		t.Errorf("the password is shown, or -yes asked:\n%s%s", out, errs)
	}
}

func TestLookingForTagsThatShareTheDigest(t *testing.T) {
	t.Parallel()
	t.Run("gives up after 200 and says so", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		for i := range 300 {
			registry.PutImage("team/app", "other", fmt.Sprintf("other-%03d", i))
		}
		out, _, _ := command(t, answering("n\n"), "-registry", listen(t, registry), "team/app:v1")
		if !strings.Contains(out, "perhaps with more tags: gave up after looking at 200 tags") {
			t.Errorf("output:\n%s", out)
		}
	})
	t.Run("looks at 200 without giving up", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		for i := range 200 {
			registry.PutImage("team/app", "other", fmt.Sprintf("other-%03d", i))
		}
		out, _, _ := command(t, answering("n\n"), "-registry", listen(t, registry), "team/app:v1")
		if !strings.Contains(out, "goes with  no other tag\n") {
			t.Errorf("output:\n%s", out)
		}
	})
	t.Run("is not thrown by a tag without a manifest", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		image := registry.PutImage("team/app", "hello", "v1", "v2")
		gone := registry.PutImage("team/other", "gone")
		registry.SetTag("team/app", "dangling", gone.Digest)
		out, _, _ := command(t, answering("n\n"), "-registry", listen(t, registry), "team/app:v1")
		if !strings.Contains(out, "goes with  v2\n") || !strings.Contains(out, image.Digest.String()) {
			t.Errorf("output:\n%s", out)
		}
	})
	t.Run("says that the tags could not be listed", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		registry.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), fakeregistry.Errors(403, "DENIED", "no"))
		out, _, _ := command(t, answering("n\n"), "-registry", listen(t, registry), "team/app:v1")
		if !strings.Contains(out, "perhaps with more tags: regret: tags team/app: permission denied") {
			t.Errorf("output:\n%s", out)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	t.Run("a registry that refuses is a failure with its hint", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New(fakeregistry.WithDeleteDisabled())
		registry.PutImage("team/app", "hello", "v1")
		out, errs, code := command(t, terminal{}, "-registry", listen(t, registry), "-yes", "team/app:v1")
		if code != 1 || !strings.Contains(errs, "storage.delete.enabled") || strings.Contains(out, "Deleted") {
			t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
		}
	})
	t.Run("an unknown tag is a failure and nothing is asked or sent", func(t *testing.T) {
		t.Parallel()
		registry := fakeregistry.New()
		registry.PutImage("team/app", "hello", "v1")
		out, errs, code := command(t, terminal{}, "-registry", listen(t, registry), "team/app:v2")
		if code != 1 || !strings.Contains(errs, "MANIFEST_UNKNOWN") || strings.Contains(out, "[y/N]") {
			t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
		}
		if len(registry.Writes()) > 0 {
			t.Errorf("sent %v", registry.Writes())
		}
	})
	for name, args := range map[string][]string{
		"an image without a registry":       {"team/app:v1"},
		"a registry without an image":       {"-registry", "localhost:5000"},
		"an image without a tag":            {"-registry", "localhost:5000", "team/app"},
		"an image with an empty tag":        {"-registry", "localhost:5000", "team/app:"},
		"two images":                        {"-registry", "localhost:5000", "team/app:v1", "team/app:v2"},
		"a flag that there is not":          {"-force"},
		"a flag without what belongs to it": {"-yes"},
	} {
		t.Run(name+" is a usage error", func(t *testing.T) {
			t.Parallel()
			out, errs, code := command(t, terminal{}, args...)
			if code != 2 || out != "" || !strings.Contains(errs, "usage: quickstart") {
				t.Errorf("exit code %d, standard error %q, output:\n%s", code, errs, out)
			}
		})
	}
	t.Run("help is no failure", func(t *testing.T) {
		t.Parallel()
		if _, errs, code := command(t, terminal{}, "-h"); code != 0 || !strings.Contains(errs, "usage: quickstart") {
			t.Errorf("exit code %d, standard error %q", code, errs)
		}
	})
}
