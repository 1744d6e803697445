package command_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/regrettest"
)

// TestTranscriptsOnRealRegistries runs the scripts in testdata/real, each with a new registry of
// each kind at $REGISTRY.
func TestTranscriptsOnRealRegistries(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			runScripts(t, "testdata/real", kind.Name, func(env *testscript.Env) string {
				return kind.Start(env.T().(testing.TB), registry.Setup{}).URL
			})
		})
	}
}

// TestTranscriptsOnImitatedRegistries runs the scripts in testdata/fake. The beginning of a file's
// name is that of a profile, as in "ghcr.txtar". Options of the registry come behind plus signs:
// "distribution-3+readonly.txtar". A read-only one has images with the tags 1.0 and pr-1.
func TestTranscriptsOnImitatedRegistries(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/fake", "imitated", func(env *testscript.Env) string {
		name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
		profile, options, _ := strings.Cut(name, "+")
		p, err := regrettest.LookupProfile(profile)
		if err != nil {
			env.T().Fatal(err)
		}
		with := []regrettest.Option{regrettest.WithProfile(p)}
		for option := range strings.SplitSeq(options, "+") {
			with = append(with, fakeOption(option))
		}
		fake := regrettest.New(with...)
		if strings.Contains(options, "readonly") {
			for _, tag := range []string{"1.0", "pr-1"} {
				fake.PutImage(app, regrettest.Image{Layers: []string{tag}}, tag)
			}
		}
		server, err := fake.Start()
		if err != nil {
			env.T().Fatal(err)
		}
		env.Defer(server.Close)
		return server.URL
	})
}

// fakeOption returns the option of an imitated registry that the name of a script asks for.
func fakeOption(name string) regrettest.Option {
	switch name {
	case "nodelete":
		return regrettest.WithDeleteDisabled()
	case "readonly":
		return regrettest.WithReadOnly()
	case "immutable":
		return regrettest.WithImmutableTags("1.0", "1.1")
	}
	return nil
}

// runScripts runs the scripts in a folder. Besides the commands of testscript they have:
//
//	exits CODE ARG...              runs regret, which must exit with the code
//	push image REF...              pushes an image, with the first tag as its content; or image=CONTENT
//	push docker REF...             the same in Docker's format
//	push index REF...              pushes an index of two images, one of which all indexes share
//	push referrer REF              pushes an SBOM that refers to what was pushed with this tag
//	served REF...                  the registry serves it and, if it is a tag, lists it
//	gone REF...                    it does neither
//	envsubst FILE...               puts the environment into files
//	glob PATTERN                   sets $GLOB to the only file that matches
//
// A REF is a tag as in "team/app:1.0" or, for the last two, a digest as in "team/app@sha256:…". They
// use plain HTTP. push sets $DIGEST to the digest of what it has pushed, and $HEX12 to the first 12
// digits of that.
func runScripts(t *testing.T, folder, kind string, start func(env *testscript.Env) (url string)) {
	testscript.Run(t, testscript.Params{
		Dir: folder,
		Setup: func(env *testscript.Env) error {
			url := start(env)
			env.Values[siteKey{}], env.Values[testKey{}] = newSite(url), env.T()
			env.Setenv("REGISTRY", strings.TrimPrefix(url, "http://"))
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Condition: func(condition string) (bool, error) {
			return strings.ReplaceAll(kind, " ", "-") == condition, nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  scriptExits,
			"push":   scriptPush,
			"served": scriptServed(true),
			"gone":   scriptServed(false),
			"glob": func(ts *testscript.TestScript, _ bool, args []string) {
				found, err := filepath.Glob(ts.MkAbs(args[0]))
				ts.Check(err)
				if len(found) != 1 {
					ts.Fatalf("%s matches %q", args[0], found)
				}
				ts.Setenv("GLOB", found[0])
			},
			"envsubst": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, file := range args {
					ts.Check(os.WriteFile(ts.MkAbs(file), []byte(os.Expand(ts.ReadFile(file), ts.Getenv)), 0o600))
				}
			},
		},
	})
}

// siteKey is the key of the registry of a script.
type siteKey struct{}

// site returns the repository and the reference of an argument like "team/app:1.0".
func scriptSite(ts *testscript.TestScript, arg string) (s *site, reference string) {
	at := *ts.Value(siteKey{}).(*site)
	repository, reference, ok := strings.Cut(arg, "@")
	if !ok {
		if repository, reference, ok = strings.Cut(arg, ":"); !ok {
			ts.Fatalf("%s has neither tag nor digest", arg)
		}
	}
	at.Name = repository
	return &at, reference
}

// testOf returns the test that a script is.
func testOf(ts *testscript.TestScript) testing.TB { return ts.Value(testKey{}).(testing.TB) }

// testKey is the key of the test that a script is.
type testKey struct{}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec("regret", args[1:]...); err != nil {
		exited, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exited.ExitCode()
	}
	if got != want {
		ts.Fatalf("the exit code is %d, want %d", got, want)
	}
}

func scriptPush(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: push KIND REPOSITORY:TAG...")
	}
	t := testOf(ts)
	s, first := scriptSite(ts, args[1])
	kind, content, given := strings.Cut(args[0], "=")
	if !given {
		content = first
	}
	var a wire.Artifact
	switch kind {
	case "image":
		a = wire.OCIImage(t, content)
	case "docker":
		a = wire.DockerImage(t, content)
	case "index":
		a = wire.OCIIndex(t, wire.OCIImage(t, content+" for amd64"), wire.OCIImage(t, "shared"))
	case "referrer":
		a = s.referrer(t, s.tags[args[1]], "the SBOM of "+content)
		args = args[:1]
	default:
		ts.Fatalf("there is no %s to push", kind)
	}
	for _, arg := range args[1:] {
		_, tag := scriptSite(ts, arg)
		s.Push(t, a, tag)
		s.tags[arg] = a
	}
	ts.Setenv("DIGEST", a.Digest.String())
	ts.Setenv("HEX12", a.Digest.Encoded()[:12])
}

func scriptServed(want bool) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 1 {
			ts.Fatalf("usage: served REFERENCE..., gone REFERENCE...")
		}
		for _, arg := range args {
			s, reference := scriptSite(ts, arg)
			isListed := strings.Contains(arg, "@") && want || slices.Contains(s.listTags(testOf(ts)), reference)
			if has := s.HasManifest(testOf(ts), reference); has != want || isListed != want {
				ts.Fatalf("%s is served: %t, and listed: %t", arg, has, isListed)
			}
		}
	}
}
