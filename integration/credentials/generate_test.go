package credentials_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
)

// A key is one key of a generated file, with what it means. The meaning is known because the key was
// made from it; nothing here parses a key.
type key struct {
	spelling string
	host     string // as a client names it; docker.io for Docker Hub
	path     string // of a namespace or repository
	userinfo bool   // no registry's
}

// A generated is a configuration file. The user name of every entry is unique.
type generated struct {
	auths   map[string]json.RawMessage
	keys    map[string]key // of auths
	users   map[string]key // which entry has this user name
	helpers map[string]json.RawMessage
	owners  map[string]key // of helpers
	store   json.RawMessage
	others  map[string]json.RawMessage

	bad        map[string]bool // keys of auths that are malformed
	notDocker  map[string]bool // keys of auths that docker cannot load
	badHelpers map[string]bool // keys of helpers that are malformed
	badStore   bool
}

var hosts = []string{"registry.example.com", "registry.example.com:5000", "other.example.com", "localhost:5000", "docker.io", "10.0.0.1:8080"}

// namesOfHub are the hosts of Docker Hub in keys.
var namesOfHub = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

func generateKey(r *rand.Rand) key {
	k := key{host: hosts[r.IntN(len(hosts))]}
	spelled := k.host
	if k.host == "docker.io" {
		spelled = namesOfHub[r.IntN(len(namesOfHub))]
		if r.IntN(2) == 0 {
			k.spelling = "https://index.docker.io/v1/"
			return k
		}
	}
	switch r.IntN(14) {
	case 0, 1, 2, 3:
		k.spelling = spelled
	case 4:
		k.spelling = "https://" + spelled
	case 5:
		k.spelling = "http://" + spelled + "/"
	case 6:
		k.spelling = "https://" + spelled + "/v1/"
	case 7:
		k.spelling = "https://" + spelled + "/v2/"
	case 8:
		k.spelling = spelled + "/v1"
	case 9:
		k.spelling = strings.ToUpper(spelled)
	case 10:
		k.spelling = "https://" + spelled + "/some/path"
	case 11:
		k.path = "team"
		k.spelling = spelled + "/team"
	case 12:
		k.path = "team/app"
		k.spelling = spelled + "/team/app"
	case 13:
		k.spelling, k.userinfo = "https://ann@"+spelled, true
	}
	return k
}

// generateEntry returns an entry, whether it is malformed, and whether docker cannot load it.
func generateEntry(r *rand.Rand, user string, helpers bool) (entry string, bad, notDocker bool) {
	auth := func(plain string) string {
		return fmt.Sprintf(`{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte(plain)))
	}
	passwords := []string{"p4ss", "a:b:", "{\n  \"type\": \"service_account\"\r\n}\n", "tab\tand\x01", "zero\x00\x00", "", "\xff\xfe", "p\n"}
	password := passwords[r.IntN(len(passwords))]
	switch r.IntN(20) {
	case 0:
		return `{}`, false, false
	case 1:
		return `{"email":"a@example.com"}`, false, false
	case 2:
		return fmt.Sprintf(`{"username":%q,"password":"in-fields"}`, user), false, false
	case 3:
		return fmt.Sprintf(`{"auth":%q,"identitytoken":"r3fresh"}`, base64.StdEncoding.EncodeToString([]byte(user+":"))), false, false
	case 4:
		if helpers { // docker adds a file's registry token to what a helper has
			return `null`, false, false
		}
		return fmt.Sprintf(`{"username":%q,"registrytoken":"b3arer"}`, user), false, false
	case 5:
		return auth(":" + user), false, true
	case 6:
		return `{"auth":"not*base64"}`, true, true
	case 7:
		return auth("justatoken"), true, true
	case 8:
		return auth(":"), true, true
	case 9:
		return `["wrong type"]`, true, true
	case 10:
		return `{"auth":7}`, true, true
	}
	return auth(user + ":" + password), false, false
}

// generateHelper returns the name of a helper as JSON, and whether it is malformed.
func generateHelper(r *rand.Rand) (name string, bad bool) {
	names := []string{"keychain", "keychain", "keychain", "vault", "token", "none", "empty", "object", "user", "fails", "garbage", "missing", ""}
	if r.IntN(12) == 0 {
		malformed := []string{`"../x"`, `"a b"`, `7`, `{}`}
		return malformed[r.IntN(len(malformed))], true
	}
	return fmt.Sprintf("%q", names[r.IntN(len(names))]), false
}

func newGenerated() *generated {
	return &generated{
		auths: map[string]json.RawMessage{}, keys: map[string]key{}, users: map[string]key{},
		helpers: map[string]json.RawMessage{}, owners: map[string]key{}, others: map[string]json.RawMessage{},
		bad: map[string]bool{}, notDocker: map[string]bool{}, badHelpers: map[string]bool{},
	}
}

// bothKeysOfDockerHub returns a file that is rarely generated: docker's key of Docker Hub has a token
// without a user name, which docker cannot load, and podman's key has another login.
func bothKeysOfDockerHub() *generated {
	g := newGenerated()
	for spelling, login := range map[string]string{"https://index.docker.io/v1/": ":user0", "docker.io": "user1:p"} {
		k := key{spelling: spelling, host: "docker.io"}
		g.auths[spelling] = fmt.Appendf(nil, `{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte(login)))
		g.keys[spelling], g.users[strings.Trim(strings.TrimSuffix(login, ":p"), ":")] = k, k
		g.notDocker[spelling] = strings.HasPrefix(login, ":")
	}
	return g
}

func generate(r *rand.Rand) *generated {
	g := newGenerated()
	withHelpers := r.IntN(12) == 0
	for n := range r.IntN(7) {
		k, user := generateKey(r), fmt.Sprintf("user%d", n)
		if _, taken := g.auths[k.spelling]; taken {
			continue
		}
		entry, bad, notDocker := generateEntry(r, user, withHelpers)
		g.auths[k.spelling], g.keys[k.spelling], g.users[user] = json.RawMessage(entry), k, k
		g.bad[k.spelling], g.notDocker[k.spelling] = bad, notDocker
	}
	if withHelpers {
		for range r.IntN(3) {
			k := generateKey(r)
			name, bad := generateHelper(r)
			g.helpers[k.spelling], g.owners[k.spelling], g.badHelpers[k.spelling] = json.RawMessage(name), k, bad
		}
		if r.IntN(2) == 0 {
			name, bad := generateHelper(r)
			g.store, g.badStore = json.RawMessage(name), bad
		}
	}
	settings := []string{"HttpHeaders", "plugins", "proxies", "features", "aliases"}
	if r.IntN(3) == 0 {
		g.others[settings[r.IntN(len(settings))]] = json.RawMessage(`{}`)
	}
	return g
}

// text returns the file as JSON.
func (g *generated) text() string {
	fields := maps.Clone(g.others)
	fields["auths"] = marshal(g.auths)
	if len(g.helpers) > 0 {
		fields["credHelpers"] = marshal(g.helpers)
	}
	if g.store != nil {
		fields["credsStore"] = g.store
	}
	return string(marshal(fields))
}

// without returns a copy without some entries, and without helpers whose names are no strings: what
// a judge can load that gives up the file for one of them.
func (g *generated) without(entries map[string]bool) *generated {
	healed := *g
	healed.auths, healed.helpers = maps.Clone(g.auths), maps.Clone(g.helpers)
	maps.DeleteFunc(healed.auths, func(k string, _ json.RawMessage) bool { return entries[k] })
	maps.DeleteFunc(healed.helpers, func(_ string, name json.RawMessage) bool { return name[0] != '"' })
	if g.store != nil && g.store[0] != '"' {
		healed.store = nil
	}
	return &healed
}

// wrongType returns the entries whose JSON no judge can load.
func (g *generated) wrongType() map[string]bool {
	wrong := map[string]bool{}
	for k, entry := range g.auths {
		wrong[k] = entry[0] == '[' || strings.Contains(string(entry), ":7}")
	}
	return wrong
}

func marshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
