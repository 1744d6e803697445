package regret_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestReportK18HostMayHaveAnUnderscore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rule, registry, want string }{
		{"a container", "qual_registry:5000", "https://qual_registry:5000"},
		{"a container without a port", "qual_registry", "https://qual_registry"},
		{"Consul's name of a data center", "registry.service.dc_1.consul", "https://registry.service.dc_1.consul"},
		{"http", "http://my_registry.example.com:80", "http://my_registry.example.com"},
		{"several underscores", "my__team_registry_1:5000", "https://my__team_registry_1:5000"},
		{"capital letters", "Qual_Registry:5000", "https://qual_registry:5000"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			image := reg.PutImage(repo, "hello", "v1")
			var url string
			c := newClientOf(t, tt.registry, roundTrip(func(req *http.Request) (*http.Response, error) {
				url = req.URL.String()
				return reg.RoundTrip(req)
			}))
			if c.Registry() != tt.want {
				t.Errorf("Registry() = %q, want %q", c.Registry(), tt.want)
			}
			dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
			wantErr(t, err)
			if dgst != image.Digest || url != tt.want+"/v2/team/app/manifests/v1" {
				t.Errorf("%s from %s", dgst, url)
			}
		})
	}
}

func TestReportK18ReferenceToAHostWithAnUnderscore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, text string
		want       regret.Reference
	}{
		{"a domain", "my_registry.example.com/team/app:1.0", regret.Reference{Registry: "my_registry.example.com", Repository: "team/app", Tag: "1.0"}},
		{"the domain of an Artifactory", "docker_test.artifactory.example.edu.au/docker_test:latest", regret.Reference{Registry: "docker_test.artifactory.example.edu.au", Repository: "docker_test", Tag: "latest"}},
		{"a container with a port", "qual_registry:5000/library/traefik:latest", regret.Reference{Registry: "qual_registry:5000", Repository: "library/traefik", Tag: "latest"}},
		{"Consul's name of a data center", "registry.service.dc_1.consul/app", regret.Reference{Registry: "registry.service.dc_1.consul", Repository: "app"}},
		{"two underscores", "my__registry.example.com/app:v1", regret.Reference{Registry: "my__registry.example.com", Repository: "app", Tag: "v1"}},
		{"a digest", "my_registry.example.com/app@" + aDigest, regret.Reference{Registry: "my_registry.example.com", Repository: "app", Digest: aDigest}},
		{"a tag and a digest", "my_registry:5000/app:v1@" + aDigest, regret.Reference{Registry: "my_registry:5000", Repository: "app", Tag: "v1", Digest: aDigest}},
		{"capital letters", "My_Registry/app", regret.Reference{Registry: "My_Registry", Repository: "app"}},
		{"an underscore in the repository, too", "my_registry.example.com/a_b/c__d", regret.Reference{Registry: "my_registry.example.com", Repository: "a_b/c__d"}},
		{"without dot and port it is a repository at Docker Hub, as with docker", "my_registry/app:v1", regret.Reference{Registry: "docker.io", Repository: "my_registry/app", Tag: "v1"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got, err := regret.ParseReference(tt.text)
			wantErr(t, err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := regret.New(got.Registry); err != nil {
				t.Error(err)
			}
			if again, err := regret.ParseReference(got.String()); err != nil || again != got {
				t.Errorf("%q parsed again: %+v, %v", got, again, err)
			}
		})
	}
	for rule, text := range map[string]string{
		"a numeric last label":             "1_2.3/app",
		"an underscore before a dot":       "registry_.example.com/app",
		"an underscore at the beginning":   "_registry.example.com/app",
		"a port that is too large":         "my_registry:65536/app",
		"an empty port":                    "my_registry:/app",
		"a port that is a word":            "my_registry:http/app",
		"user information":                 "user:pass@my_registry.example.com/app",
		"an empty label":                   "my_registry..example.com/app",
		"a repository in capitals":         "my_registry.example.com/Team/app",
		"a host without a repository":      "my_registry:5000/",
		"a digest that is none":            "my_registry:5000/app@sha256:abc",
		"letters outside ASCII":            "my_régistry.example.com/app",
		"a dash and then an underscore":    "my-_.registry.example.com/app",
		"a host of more than 253 bytes":    strings.Repeat("a_b.", 63) + "example/a",
		"several underscores before a dot": "a__.b/c",
	} {
		t.Run(rule+" is not a registry", func(t *testing.T) {
			t.Parallel()
			got, err := regret.ParseReference(text)
			wantErr(t, err, regret.ErrInvalid)
			if got != (regret.Reference{}) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Every name of up to five of these parts is an error or has a registry and a repository.
func TestReportK18RegistryIsNeverEmpty(t *testing.T) {
	t.Parallel()
	parts := []string{"a", "A", "1", "_", "-", ".", ":", "/", "@", "[::1]", "localhost", "docker.io", ":5000", aDigest}
	var try func(prefix string, depth int)
	try = func(prefix string, depth int) {
		got, err := regret.ParseReference(prefix)
		switch {
		case err != nil && (!errors.Is(err, regret.ErrInvalid) || got != (regret.Reference{})):
			t.Errorf("%q: %+v, %v", prefix, got, err)
		case err == nil && (got.Registry == "" || got.Repository == ""):
			t.Errorf("%q: %+v", prefix, got)
		}
		if depth == 0 || t.Failed() {
			return
		}
		for _, part := range parts {
			try(prefix+part, depth-1)
		}
	}
	try("", 4)
	for _, host := range []string{"a_b.c", "a__b.c", "1_2.3", "a_b:1", "A_b"} {
		try(host+"/", 3)
	}
}

func TestReportK19PathDoesNotBelongToARegistry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		registry string
		says     []string
	}{
		{"https://nexus.example.com/repository/docker/", []string{`the path "/repository/docker/"`, "a registry is at /v2/ of a host", `"nexus.example.com"`, "repository's name"}},
		{"https://artifactory.example.com/artifactory/api/docker/local", []string{`the path "/artifactory/api/docker/local"`, "repository's name"}},
		{"nexus.example.com:8081/repository/docker", []string{`the path "/repository/docker"`, `"nexus.example.com:8081"`}},
		{"https://registry.example.com/v2/", []string{`the path "/v2/"`, "leave it out"}},
		{"registry.example.com/v1", []string{`the path "/v1"`, "leave it out"}},
		{"docker://registry.example.com", []string{"the scheme is neither http nor https"}},
	} {
		t.Run(tt.registry, func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(tt.registry)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, tt.says...)
		})
	}
	t.Run("a slash at the end is no path", func(t *testing.T) {
		t.Parallel()
		c, err := regret.New("https://registry.example.com/")
		wantErr(t, err)
		if c.Registry() != "https://registry.example.com" {
			t.Errorf("Registry() = %q", c.Registry())
		}
	})
	t.Run("a secret beside a path is not shown", func(t *testing.T) {
		t.Parallel()
		for _, registry := range []string{"https://user:hunter2@registry.example.com/a", "registry.example.com/a?token=hunter2", "registry.example.com/a#hunter2", "a:1/hunter2@registry.example.com"} {
			_, err := regret.New(registry)
			wantErr(t, err, regret.ErrInvalid)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", registry, err)
			}
		}
	})
}

func TestReportK19ReferenceErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, says string }{
		{"docker://registry.example.com/team/app:1.0", `leave out the scheme "docker://"`},
		{"https://registry.example.com/team/app:1.0", `leave out the scheme "https://"`},
		{"http://localhost:5000/app", `leave out the scheme "http://"`},
		{"oci://registry.example.com/team/app:1.0", `leave out the scheme "oci://"`},
		{"HTTPS://registry.example.com/app", `leave out the scheme "HTTPS://"`},
		{"docker-daemon:app:latest", `"docker-daemon:" is not in a registry`},
		{"docker-daemon:app", `"docker-daemon:" is not in a registry`}, // docker takes it for the tag "app"
		{"docker-archive:/tmp/app.tar", `"docker-archive:" is not in a registry`},
		{"oci-archive:/tmp/app.tar", `"oci-archive:" is not in a registry`},
		{"containers-storage:localhost/app", `"containers-storage:" is not in a registry`},
		{"registry.example.com/team/app/", "leave out the slash at its end"},
		{"registry.example.com/", "leave out the slash at its end"},
		{"/team/app", "no registry before its first slash"},
		{"//registry.example.com/team/app", "no registry before its first slash"},
		{" registry.example.com/team/app:1.0", "white space around it"},
		{"registry.example.com/team/app:1.0\n", "white space around it"},
		{"registry.example.com/team/app:1.0\r\n", "white space around it"},
		{"\tbusybox", "white space around it"},
		{"registry.example.com/Team/app", "must be lowercase"},
		{"1_2.3/app", `"1_2.3" is not the host of a registry`},
	} {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			got, err := regret.ParseReference(tt.text)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, tt.says)
			if got != (regret.Reference{}) {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("user information after a scheme is not shown", func(t *testing.T) {
		t.Parallel()
		_, err := regret.ParseReference("https://user:hunter2@registry.example.com/app")
		wantErr(t, err, regret.ErrInvalid)
		wantText(t, err, `the scheme "https://"`)
		if strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
}

// What looks like a mistake, but is a name for docker and podman, is a name.
func TestReportK19NamesThatDockerTakesAreTaken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]regret.Reference{
		"registry.example.com/v2/team/app:1.0": {Registry: "registry.example.com", Repository: "v2/team/app", Tag: "1.0"},
		"docker:dind":                          {Registry: "docker.io", Repository: "library/docker", Tag: "dind"},
		"registry.example.com":                 {Registry: "docker.io", Repository: "library/registry.example.com"},
		"docker-daemon:5000/team/app":          {Registry: "docker-daemon:5000", Repository: "team/app"},
		"registry.example.com/docker-daemon:1": {Registry: "registry.example.com", Repository: "docker-daemon", Tag: "1"},
	} {
		got, err := regret.ParseReference(text)
		wantErr(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
