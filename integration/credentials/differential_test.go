// Package credentials_test compares package credentials with the readers of docker and podman: what
// one of them finds in a configuration file for a registry, regret finds, too.
package credentials_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/types"

	"github.com/seed-8cb7cc86/regret/credentials"
)

const (
	files = 4000
	seed  = 2
)

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard) // podman's reader warns there
	os.Exit(m.Run())
}

// helperPrograms builds the helper and puts it into $PATH under all its names.
func helperPrograms(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "helper")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./helper").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range strings.Fields("keychain vault token none empty object user fails garbage") {
		if err := os.Symlink(program, filepath.Join(dir, "docker-credential-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// systemContext makes podman's reader read one file, and no registries.conf of this machine.
func systemContext(t *testing.T, file string, old bool) *types.SystemContext {
	t.Helper()
	dir := filepath.Dir(file)
	sys := &types.SystemContext{
		AuthFilePath: file, SystemRegistriesConfPath: filepath.Join(dir, "registries.conf"), SystemRegistriesConfDirPath: filepath.Join(dir, "registries.conf.d"),
	}
	if old {
		sys.AuthFilePath, sys.LegacyFormatAuthFilePath = "", file
	}
	return sys
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A tally counts look-ups by what came of them.
type tally struct {
	files, lookUps, agreed, nothing, more, failed int
	deliberate                                    map[string]int
}

func (c *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files, %d look-ups; of the judgements %d agree on a credential and %d on nothing, in %d regret finds more, in %d it fails and the judge has nothing",
		c.files, c.lookUps, c.agreed, c.nothing, c.more, c.failed)
	for _, reason := range slices.Sorted(maps.Keys(c.deliberate)) {
		fmt.Fprintf(&b, "\n%6d %s", c.deliberate[reason], reason)
	}
	return b.String()
}

func TestGeneratedFiles(t *testing.T) {
	helperPrograms(t)
	t.Setenv("DOCKER_AUTH_CONFIG", "")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "registries.conf"), "")
	count := &tally{deliberate: map[string]int{}}
	checkFile(t, count, bothKeysOfDockerHub(), dir, false)
	for n := range files {
		g := generate(rand.New(rand.NewPCG(seed, uint64(n))))
		old := n%10 == 0 && g.makeOld()
		checkFile(t, count, g, dir, old)
		if t.Failed() {
			t.Fatalf("file %d: %s", n, g.text())
		}
	}
	t.Log(count)
	for _, d := range deliberate {
		if count.deliberate[d.reason] == 0 {
			t.Errorf("no file shows this difference: %s", d.reason)
		}
	}
}

// checkFile compares what is found for every registry of a file, and for one that is not in it.
func checkFile(t *testing.T, count *tally, g *generated, dir string, old bool) {
	t.Helper()
	mine, theirs := filepath.Join(dir, "config.json"), filepath.Join(dir, "podman.json")
	forDocker := g.without(g.notDocker)
	if old {
		writeFile(t, mine, string(marshal(g.auths)))
		writeFile(t, theirs, string(marshal(g.without(g.wrongType()).auths)))
	} else {
		writeFile(t, mine, g.text())
		writeFile(t, theirs, g.without(g.wrongType()).text())
	}
	source, err := credentials.LoadDockerConfig(mine)
	if err != nil {
		t.Errorf("the file cannot be loaded: %v", err)
		return
	}
	count.files++
	for _, host := range append(slices.Clone(hosts), "unknown.example.com") {
		docker := askDocker(t, forDocker.text(), host)
		asked := host
		if host == "docker.io" {
			asked = "registry-1.docker.io"
		}
		for _, repository := range []string{"", "team/app", "others/app"} {
			regret, err := askRegret(t, source, asked, repository)
			l := lookUp{file: g, host: host, repository: repository, docker: docker, regret: regret,
				podman: askPodman(t, systemContext(t, theirs, old), host, repository)}
			count.lookUps++
			if regret.failed && !g.mayFail(host, repository) {
				t.Errorf("%s/%s fails for the sake of another registry: %v", host, repository, err)
			}
			if regret.found() && !g.owns(regret, host, repository) {
				t.Errorf("%s/%s: found %+v, which is not for that registry", host, repository, regret)
			}
			if !old { // docker does not read the old form
				l.check(t, count, judgement{l, "docker", l.docker, l.podman})
			}
			l.check(t, count, judgement{l, "podman", l.podman, l.docker})
		}
	}
}

func (l lookUp) check(t *testing.T, count *tally, j judgement) {
	t.Helper()
	switch {
	case j.found.found() && l.regret == j.found:
		count.agreed++
	case j.found.found():
		for _, d := range deliberate {
			if d.applies(j) {
				count.deliberate[d.reason]++
				return
			}
		}
		t.Errorf("%s/%s: %s finds %+v, and regret %+v", l.host, l.repository, j.judge, j.found, l.regret)
	case l.regret.failed:
		count.failed++ // it may: checked for every look-up
	case l.regret.found():
		count.more++
	case j.found.failed && (j.opposite.failed || !l.file.hasHelper(l.host, anySpelling)):
		t.Errorf("%s/%s: %s fails, and regret is anonymous", l.host, l.repository, j.judge)
	default:
		count.nothing++
	}
}

// makeOld turns a file into the old form, in which the path of a key means nothing.
func (g *generated) makeOld() bool {
	if len(g.helpers) > 0 || g.store != nil {
		return false
	}
	recognizable := false
	for spelling, entry := range g.auths {
		recognizable = recognizable || strings.Contains(string(entry), `"auth"`)
		k := g.keys[spelling]
		k.path = ""
		g.keys[spelling] = k
	}
	for user, k := range g.users {
		k.path = ""
		g.users[user] = k
	}
	return recognizable
}
