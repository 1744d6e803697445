package fakeregistry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestBeforeEach(t *testing.T) {
	t.Parallel()
	t.Run("runs before each request, and what it does is seen by that request", func(t *testing.T) {
		t.Parallel()
		overBothTransports(t, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "old", "v1")
			moved := fakeregistry.New().PutImage("a", "new")
			seen := []string{}
			c.reg.BeforeEach(func(req *http.Request) {
				if seen = append(seen, req.Method+" "+req.URL.Path); len(seen) == 2 {
					c.reg.PutImage("a", "new", "v1")
				}
			})
			old := c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200).Header.Get("Docker-Content-Digest")
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200, "Docker-Content-Digest", moved.Digest.String())
			c.reg.BeforeEach(nil)
			c.do("DELETE", "/v2/a/manifests/"+old, "").want(t, 202)
			if diff := cmp.Diff([]string{"HEAD /v2/a/manifests/v1", "HEAD /v2/a/manifests/v1"}, seen); diff != "" {
				t.Errorf("seen (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("comes before interceptors", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		c.reg.BeforeEach(func(*http.Request) {
			c.reg.Intercept(1, fakeregistry.On("GET", "/v2/"), fakeregistry.Answer(418, nil, ""))
		})
		c.do("GET", "/v2/", "").want(t, 418)
	})
	t.Run("is called one at a time", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		calls := 0 // not guarded: the race detector finds concurrent calls
		c.reg.BeforeEach(func(*http.Request) { calls++ })
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { c.do("GET", "/v2/", "") })
		}
		group.Wait()
		c.reg.BeforeEach(nil)
		if calls != 20 {
			t.Errorf("%d calls, want 20", calls)
		}
	})
}

func TestOtherClient(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.Zot().New()
	old, image := reg.PutImage("a", "old", "v1"), reg.PutImage("a", "new", "v2")
	raw := newClient(t, reg, "https://registry.example.com", reg).do("GET", "/v2/a/manifests/v2", "").body
	reg.ResetLog()
	c := newClient(t, reg, "https://registry.example.com", reg)
	other := newClient(t, reg, "https://registry.example.com", reg.OtherClient())
	reg.Intercept(0, fakeregistry.On("PUT", "/"), fakeregistry.Answer(503, nil, ""))
	reg.BeforeEach(func(*http.Request) {
		other.do("PUT", "/v2/a/manifests/v1", raw, "Content-Type", ocispec.MediaTypeImageManifest).want(t, 201)
	})
	c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200, "Docker-Content-Digest", image.Digest.String())
	if reg.HasManifest("a", old.Digest) {
		t.Error("the push had no effect on what the tag pointed to")
	}
	if diff := cmp.Diff([]string{"HEAD /v2/a/manifests/v1 200"}, logLines(reg.Requests())); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// childURL names the environment variable with the URL of the registry for the process that
// deleteAll runs in.
const childURL = "FAKEREGISTRY_TEST_CHILD_URL"

// deleteAll deletes every tag of a repository, one after the other, and returns the exit code.
func deleteAll(url string) int {
	resp, err := http.Get(url + "/v2/a/tags/list")
	if err != nil {
		return 2
	}
	defer resp.Body.Close()
	var list tagList
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return 3
	}
	for _, tag := range list.Tags {
		req, err := http.NewRequest(http.MethodDelete, url+"/v2/a/manifests/"+tag, nil)
		if err != nil {
			return 4
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != http.StatusAccepted {
			return 5
		}
		resp.Body.Close()
	}
	return 0
}

// startChild starts a process that calls deleteAll. The channel is closed when the process has ended.
func startChild(t *testing.T, url string) (*exec.Cmd, <-chan struct{}) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url)
	output := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() > 0 {
			t.Errorf("child: %v\n%s", err, output)
		}
	}()
	return cmd, ended
}

// A registry keeps its content when a client process is killed, before the request at which that
// happens has its effect.
func TestRegistrySurvivesTheDeathOfItsClient(t *testing.T) {
	t.Parallel()
	for _, loses := range []bool{false, true} {
		t.Run(fmt.Sprintf("and the request is lost: %v", loses), func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			server := httptest.NewServer(reg)
			reg.PutImage("a", "x", "v1", "v2", "v3", "v4")
			started := make(chan struct{})
			var child *exec.Cmd
			var ended <-chan struct{}
			reg.BeforeEach(func(req *http.Request) {
				<-started
				if strings.HasSuffix(req.URL.Path, "/v2") && req.Method == http.MethodDelete {
					if err := child.Process.Kill(); err != nil {
						t.Error(err)
					}
					<-ended
				}
			})
			left := 2
			if loses {
				left = 3
				reg.Intercept(1, fakeregistry.On("DELETE", "/v2/a/manifests/v2"), reg.LoseRequest())
			}
			child, ended = startChild(t, server.URL)
			close(started)
			<-ended
			server.Close() // waits for the request in flight
			reg.BeforeEach(nil)
			if tags := reg.Tags("a"); len(tags) != left {
				t.Errorf("tags %v, want %d", tags, left)
			}
			server = httptest.NewServer(reg)
			defer server.Close()
			_, ended = startChild(t, server.URL)
			<-ended
			if tags := reg.Tags("a"); len(tags) != 0 {
				t.Errorf("the next process left %v", tags)
			}
			if got := len(reg.Writes()); got != 2+left {
				t.Errorf("%d writes, want %d: %v", got, 2+left, logLines(reg.Writes()))
			}
		})
	}
}
