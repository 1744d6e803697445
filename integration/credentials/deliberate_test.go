package credentials_test

import (
	"slices"
	"strings"
)

// A lookUp is one question about a generated file, and what each program found.
type lookUp struct {
	file             *generated
	host, repository string
	docker, podman   finding
	regret           finding
}

// A judgement is about one of the two judges.
type judgement struct {
	lookUp
	judge    string // "docker" or "podman"
	found    finding
	opposite finding // what the other judge found
}

// deliberate are the reasons for which regret does not find what a judge finds. The first that
// applies is counted.
var deliberate = []struct {
	reason  string
	applies func(j judgement) bool
}{
	{"a key with user information belongs to no registry", func(j judgement) bool {
		return j.file.entryOf(j.found).userinfo
	}},
	{"docker uses the key of a namespace for the whole registry; in podman and here it is that namespace's alone", func(j judgement) bool {
		k := j.file.entryOf(j.found)
		return j.judge == "docker" && k.path != "" && !covers(k.path, j.repository)
	}},
	{"podman does not read credsStore", func(j judgement) bool {
		return j.judge == "podman" && j.file.store != nil && !j.file.hasHelper(j.host, anySpelling)
	}},
	{"docker and podman disagree, and it is what the other one finds", func(j judgement) bool {
		return j.regret == j.opposite
	}},
	{"a malformed entry or helper of the registry itself is an error and is not passed over", func(j judgement) bool {
		return j.regret.failed && j.file.malformed(j.host, j.repository)
	}},
	{"credHelpers may have other spellings of a registry", func(j judgement) bool {
		return j.file.hasHelper(j.host, anySpelling) && !j.file.hasHelper(j.host, exactFor(j.judge))
	}},
	{"docker has no entries for repositories", func(j judgement) bool {
		return j.judge == "docker" && j.file.entryOf(j.regret).path != ""
	}},
	{"podman reads the entries of Docker Hub's repositories only under docker.io", func(j judgement) bool {
		k := j.file.entryOf(j.regret)
		return j.judge == "podman" && k.path != "" && !exactFor("podman")(k)
	}},
	{"docker's key of Docker Hub comes before podman's, also if docker cannot load its entry", func(j judgement) bool {
		mine := j.file.entryOf(j.regret).spelling
		return j.judge == "podman" && mine == "https://index.docker.io/v1/" && exactFor("podman")(j.file.entryOf(j.found)) && j.file.notDocker[mine]
	}},
	{"of several spellings of a registry, the judge takes a random one", func(j judgement) bool {
		k, mine := j.file.entryOf(j.found), j.file.entryOf(j.regret)
		return j.regret.found() && k.host == mine.host && k.path == mine.path && !exactFor(j.judge)(k) && mine.spelling == strings.ToLower(mine.spelling)
	}},
}

// entryOf returns the key of the entry that was found. An entry without a user name has a token of
// its own.
func (g *generated) entryOf(f finding) key {
	if f.kind == "password" && f.user == "" {
		return g.users[f.secret]
	}
	return g.users[f.user]
}

func covers(path, repository string) bool {
	return path == "" || repository == path || strings.HasPrefix(repository, path+"/")
}

func anySpelling(key) bool { return true }

// exactFor returns whether a judge takes a key before all other spellings.
func exactFor(judge string) func(k key) bool {
	return func(k key) bool {
		if k.host == "docker.io" && judge == "docker" {
			return k.spelling == "https://index.docker.io/v1/"
		}
		return k.spelling == k.host || k.path != "" && k.spelling == k.host+"/"+k.path
	}
}

// hasHelper reports whether credHelpers has a registry under some spellings.
func (g *generated) hasHelper(host string, spelling func(key) bool) bool {
	for _, k := range g.owners {
		if k.host == host && k.path == "" && !k.userinfo && spelling(k) {
			return true
		}
	}
	return false
}

// malformed reports whether an entry or helper that a look-up may need is malformed.
func (g *generated) malformed(host, repository string) bool {
	for spelling, bad := range g.bad {
		if k := g.keys[spelling]; bad && k.host == host && !k.userinfo && covers(k.path, repository) {
			return true
		}
	}
	for spelling, bad := range g.badHelpers {
		if k := g.owners[spelling]; bad && k.host == host && k.path == "" && !k.userinfo {
			return true
		}
	}
	return g.badStore && !g.hasHelper(host, anySpelling)
}

// mayFail reports whether a look-up may fail: something that it needs is malformed, or there is a
// helper or store for the registry that fails.
func (g *generated) mayFail(host, repository string) bool {
	fails := func(name []byte) bool {
		return !slices.Contains([]string{`"keychain"`, `"vault"`, `"token"`, `"none"`, `"empty"`, `"object"`, `"user"`, `""`}, string(name))
	}
	for spelling, name := range g.helpers {
		if k := g.owners[spelling]; k.host == host && k.path == "" && !k.userinfo && fails(name) {
			return true
		}
	}
	return g.malformed(host, repository) || g.store != nil && fails(g.store)
}

// owns reports whether a finding may be the answer for a look-up: an entry for the registry, of a
// path that covers the repository, or the answer of a helper about that registry.
func (g *generated) owns(f finding, host, repository string) bool {
	name := f.user
	if k := g.entryOf(f); k.spelling != "" {
		return k.host == host && !k.userinfo && covers(k.path, repository)
	}
	if g.store == nil && !g.hasHelper(host, anySpelling) {
		return false
	}
	_, server, about := strings.Cut(name, "-")
	if !about || name == "user-alone" {
		return f.kind == "identity" || name == "user-alone"
	}
	spellings := []string{host}
	if host == "docker.io" {
		spellings = append(spellings, "https://index.docker.io/v1/")
	}
	for spelling, k := range g.owners {
		if k.host == host {
			spellings = append(spellings, spelling)
		}
	}
	return slices.ContainsFunc(spellings, func(s string) bool { return strings.ReplaceAll(s, ":", "_") == server })
}
