// Package differential_test replays one script of requests against a registry and against the imitation of it that the
// library is tested with: status, headers and body must be the same, so that the imitation cannot drift.
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

func TestImitationsAnswerAsTheirRegistries(t *testing.T) {
	t.Parallel()
	imitations := map[string]fakeregistry.Profile{
		registry.Distribution2().Name: fakeregistry.Distribution2(),
		registry.Distribution3().Name: fakeregistry.Distribution3(),
		registry.Olareg().Name:        fakeregistry.Olareg(),
	}
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		for _, script := range scripts() {
			if kind.Name == registry.Olareg().Name && script.distribution {
				continue
			}
			t.Run(kind.Name+"/"+script.name, func(t *testing.T) {
				t.Parallel()
				cast := artifacts(t, kind.Schema1)
				real := realPlayer(t, kind, script, cast)
				fake := fakePlayer(t, imitations[kind.Name], script, cast)
				for _, request := range script.requests(cast) {
					want, got := real.ask(t, request), fake.ask(t, request)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s (-registry +imitation):\n%s", request.name(), diff)
					}
				}
			})
		}
	}
}

// player is a registry, real or imitated, and what its answers say that depends on where it is.
type player struct {
	repo  wire.Repository
	users map[string]string // the Authorization header of each user of the script
	local *strings.Replacer
	known []digest.Digest // what was stored
}

// request is one line of a script.
type request struct {
	method, path string
	accept       []string
	as           string // the user; empty for nobody
	put          *wire.Artifact
}

func (r request) name() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %v %s", r.method, r.path, r.accept, r.as))
}

// compared are the headers that a client may look at.
func compared() []string {
	return []string{
		"Allow", "Content-Length", "Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version", "Etag", "Link", "Location",
		"Oci-Filters-Applied", "Oci-Subject", "Www-Authenticate", "X-Content-Type-Options",
	}
}

// ask sends a request and writes down the answer.
func (p player) ask(t *testing.T, r request) []string {
	t.Helper()
	p.repo.Authorization = p.users[r.as]
	target, body, headers := p.repo.URL+r.path, []byte(nil), []wire.Header{}
	if !strings.HasPrefix(r.path, "/") {
		target = p.repo.URL + "/v2/" + repository + "/" + r.path
	}
	if r.accept != nil {
		headers = append(headers, wire.Accept(r.accept...))
	}
	if r.put != nil {
		body, headers = r.put.Raw, append(headers, wire.Header{Name: "Content-Type", Value: r.put.MediaType})
	}
	answer := p.repo.Send(t, r.method, target, body, headers...)
	lines := []string{fmt.Sprint(answer.Status)}
	if answer.MediaType() == wire.SignedSchema1 && !slices.Contains(p.known, answer.Digest()) {
		return append(lines, "schema1, made up for this answer")
	}
	if answer.MediaType() == wire.SignedSchema1 { // what is pushed is written anew around the signature
		return append(lines, "schema1, "+answer.Digest().String())
	}
	for _, name := range compared() {
		for _, value := range answer.Header.Values(name) {
			// The actions of a scope come in any order.
			lines = append(lines, name+": "+strings.ReplaceAll(p.local.Replace(value), ":push,pull", ":pull,push"))
		}
	}
	return append(lines, p.local.Replace(inOrder(answer.Body)))
}

// inOrder sorts the tags of a list: distribution 2 gives them in no order.
func inOrder(body []byte) string {
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

// realPlayer starts a registry that has the artifacts of the script.
func realPlayer(t *testing.T, kind registry.Kind, s script, cast cast) player {
	t.Helper()
	s.setup.Root = t.TempDir()
	stock := wire.Repository{URL: kind.Start(t, registry.Setup{Root: s.setup.Root}).URL, Name: repository}
	for name, artifact := range cast {
		stock.Push(t, artifact, name)
	}
	server := kind.Start(t, s.setup)
	p := player{repo: wire.Repository{URL: server.URL, Name: repository}, users: map[string]string{}, known: cast.digests()}
	realm := "none"
	for user, account := range s.setup.Accounts {
		realm = server.Tokens.URL
		token, err := server.Tokens.Token(user, scope(account.Actions))
		if err != nil {
			t.Fatal(err)
		}
		p.users[user] = "Bearer " + token
	}
	p.finish(s, realm)
	return p
}

// fakePlayer makes the same of an imitation.
func fakePlayer(t *testing.T, profile fakeregistry.Profile, s script, cast cast) player {
	t.Helper()
	overlays := slices.Clone(s.overlays)
	p := player{users: map[string]string{}, known: cast.digests()}
	realm := "none"
	if s.setup.Accounts != nil {
		service := tokenService(s.setup.Accounts)
		server := httptest.NewServer(service)
		t.Cleanup(server.Close)
		realm = server.URL + "/token"
		service.SetRealm(realm)
		overlays = append(overlays, fakeregistry.WithTokenAuth(service))
		for user, account := range s.setup.Accounts {
			p.users[user] = fakeToken(t, realm, user, account)
		}
	}
	for user, password := range s.setup.Users {
		overlays = append(overlays, fakeregistry.WithBasicAuth(user, password), fakeregistry.WithBasicRealm("integration"))
	}
	reg := profile.New(overlays...)
	for _, name := range slices.Sorted(maps.Keys(cast)) {
		seed(reg, cast[name], name)
	}
	server := httptest.NewServer(reg)
	t.Cleanup(server.Close)
	p.repo = wire.Repository{URL: server.URL, Name: repository}
	p.finish(s, realm)
	return p
}

// finish is what both have in common.
func (p *player) finish(s script, realm string) {
	for user, password := range s.setup.Users {
		p.users[user] = basic(user, password)
		p.users["wrong"] = basic(user, "wrong")
	}
	p.users["nonsense"] = "Bearer nonsense"
	p.local = strings.NewReplacer(realm, "REALM", p.repo.URL, "URL")
}

// seed stores an artifact with all it needs.
func seed(reg *fakeregistry.Registry, a wire.Artifact, tag string) {
	for _, child := range a.Children {
		seed(reg, child, "")
	}
	for _, blob := range a.Blobs {
		reg.PutBlob(repository, blob)
	}
	reg.PutManifest(repository, tag, a.MediaType, a.Raw)
}

// fakeToken asks the imitated token service for everything that the user may do.
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
