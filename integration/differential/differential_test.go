// Package differential_test sends the same requests to a real registry and to the fake registry that
// imitates it in the tests of the library. Status code, header and body must be the same, so that the
// fakes stay faithful.
package differential_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const repository = "derek/busybox"

func TestFakeRegistriesRespondLikeTheRealOnes(t *testing.T) {
	t.Parallel()
	profiles := map[string]fakeregistry.Profile{
		registry.Distribution2().Name: fakeregistry.Distribution2(),
		registry.Distribution3().Name: fakeregistry.Distribution3(),
		registry.Olareg().Name:        fakeregistry.Olareg(),
	}
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		for _, script := range scripts() {
			if kind.Name == registry.Olareg().Name && script.distributionOnly {
				continue
			}
			t.Run(kind.Name+"/"+script.name, func(t *testing.T) {
				t.Parallel()
				artifacts := newArtifacts(t, kind.Schema1)
				real := startReal(t, kind, script, artifacts)
				fake := startFake(t, profiles[kind.Name], script, artifacts)
				for _, request := range script.requests(artifacts) {
					want, got := real.send(t, request), fake.send(t, request)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s (-real +fake):\n%s", request.name(), diff)
					}
				}
			})
		}
	}
}

// target is a registry, real or fake.
type target struct {
	repo  wire.Repository
	users map[string]string // the Authorization header field of each user of the script
	// normalize replaces the URLs that differ between registries.
	normalize *strings.Replacer
	known     []digest.Digest // digests of the pushed manifests
}

// request is one request of a script.
type request struct {
	method, path string
	accept       []string
	as           string // the user; empty means anonymous
	put          *wire.Artifact
}

func (r request) name() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %v %s", r.method, r.path, r.accept, r.as))
}

// comparedHeaders returns the header fields that a client may use.
func comparedHeaders() []string {
	return []string{
		"Allow", "Content-Length", "Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version", "Etag", "Link", "Location",
		"Oci-Filters-Applied", "Oci-Subject", "Www-Authenticate", "X-Content-Type-Options",
	}
}

// send sends a request and returns the response in a normalized form.
func (g target) send(t *testing.T, r request) []string {
	t.Helper()
	g.repo.Authorization = g.users[r.as]
	url, body, headers := g.repo.URL+r.path, []byte(nil), []wire.Header{}
	if !strings.HasPrefix(r.path, "/") {
		url = g.repo.URL + "/v2/" + repository + "/" + r.path
	}
	if r.accept != nil {
		headers = append(headers, wire.Accept(r.accept...))
	}
	if r.put != nil {
		body, headers = r.put.Raw, append(headers, wire.Header{Name: "Content-Type", Value: r.put.MediaType})
	}
	answer := g.repo.Send(t, r.method, url, body, headers...)
	lines := []string{fmt.Sprint(answer.Status)}
	if answer.MediaType() == wire.SignedSchema1 && !slices.Contains(g.known, answer.Digest()) {
		return append(lines, "schema1, converted for this response")
	}
	if answer.MediaType() == wire.SignedSchema1 { // the registry reformats a pushed manifest around the signature
		return append(lines, "schema1, "+answer.Digest().String())
	}
	for _, name := range comparedHeaders() {
		for _, value := range answer.Header.Values(name) {
			// The order of the actions in a scope varies.
			lines = append(lines, name+": "+strings.ReplaceAll(g.normalize.Replace(value), ":push,pull", ":pull,push"))
		}
	}
	return append(lines, g.normalize.Replace(sortTags(answer.Body)))
}

// sortTags returns the sorted tags if body is a tag list, and body otherwise: distribution 2 lists tags
// in no particular order.
func sortTags(body []byte) string {
	var list map[string]any
	if json.Unmarshal(body, &list) != nil || len(list) != 2 {
		return string(body)
	}
	tags, ok := list["tags"].([]any)
	if !ok {
		return string(body)
	}
	var names []string
	for _, tag := range tags {
		names = append(names, fmt.Sprint(tag))
	}
	return fmt.Sprintf("tags %v", slices.Sorted(slices.Values(names)))
}

// startReal starts a real registry with the artifacts of the script.
func startReal(t *testing.T, kind registry.Kind, s script, artifacts artifacts) target {
	t.Helper()
	s.setup.Root = t.TempDir()
	writable := wire.Repository{URL: kind.Start(t, registry.Setup{Root: s.setup.Root}).URL, Name: repository}
	for name, artifact := range artifacts {
		writable.Push(t, artifact, name)
	}
	server := kind.Start(t, s.setup)
	g := target{repo: wire.Repository{URL: server.URL, Name: repository}, users: map[string]string{}, known: artifacts.digests()}
	realm := "none"
	for user, account := range s.setup.Accounts {
		realm = server.Tokens.URL
		token, err := server.Tokens.Token(user, scope(account.Actions))
		if err != nil {
			t.Fatal(err)
		}
		g.users[user] = "Bearer " + token
	}
	g.prepare(s, realm)
	return g
}

// startFake starts a fake registry with the artifacts of the script.
func startFake(t *testing.T, profile fakeregistry.Profile, s script, artifacts artifacts) target {
	t.Helper()
	options := slices.Clone(s.fakeOptions)
	g := target{users: map[string]string{}, known: artifacts.digests()}
	realm := "none"
	if s.setup.Accounts != nil {
		service := tokenService(s.setup.Accounts)
		server := httptest.NewServer(service)
		t.Cleanup(server.Close)
		realm = server.URL + "/token"
		service.SetRealm(realm)
		options = append(options, fakeregistry.WithTokenAuth(service))
		for user, account := range s.setup.Accounts {
			g.users[user] = fakeToken(t, realm, user, account)
		}
	}
	for user, password := range s.setup.Users {
		options = append(options, fakeregistry.WithBasicAuth(user, password), fakeregistry.WithBasicRealm("integration"))
	}
	reg := profile.New(options...)
	for _, name := range slices.Sorted(maps.Keys(artifacts)) {
		seed(reg, artifacts[name], name)
	}
	server := httptest.NewServer(reg)
	t.Cleanup(server.Close)
	g.repo = wire.Repository{URL: server.URL, Name: repository}
	g.prepare(s, realm)
	return g
}

// prepare adds the users and the normalization, which are the same for real and fake registries.
func (g *target) prepare(s script, realm string) {
	for user, password := range s.setup.Users {
		g.users[user] = basic(user, password)
		g.users["wrong"] = basic(user, "wrong")
	}
	g.users["nonsense"] = "Bearer nonsense"
	g.normalize = strings.NewReplacer(realm, "REALM", g.repo.URL, "URL")
}

// seed stores an artifact with its blobs and children.
func seed(reg *fakeregistry.Registry, a wire.Artifact, tag string) {
	for _, child := range a.Children {
		seed(reg, child, "")
	}
	for _, blob := range a.Blobs {
		reg.PutBlob(repository, blob)
	}
	reg.PutManifest(repository, tag, a.MediaType, a.Raw)
}

// fakeToken requests a token for all actions of the user from the fake token service.
func fakeToken(t *testing.T, realm, user string, account registry.Account) string {
	t.Helper()
	repo := wire.Repository{Authorization: basic(user, account.Password)}
	answer := repo.Send(t, http.MethodGet, realm+"?service=registry.integration&scope="+scope(account.Actions), nil)
	var issued struct{ Token string }
	if err := json.Unmarshal(answer.Body, &issued); err != nil || issued.Token == "" {
		t.Fatalf("no token: %s", answer)
	}
	return "Bearer " + issued.Token
}

func tokenService(accounts map[string]registry.Account) *fakeregistry.TokenService {
	var users []fakeregistry.TokenOption
	for user, account := range accounts {
		users = append(users, fakeregistry.WithUser(user, account.Password, fakeregistry.Allow("*", account.Actions...)))
	}
	return fakeregistry.NewTokenService("to be set", "registry.integration", users...)
}
