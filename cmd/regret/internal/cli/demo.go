package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/regrettest"
)

// demoPolicy is the policy of the demo.
const demoPolicy = `version: 1
keep:
  - name: releases
    tags: {semver: ">=1.0.0"}
    newest: 2
  - name: nightlies
    tags: nightly-*
    within: 7d
remove:
  - name: old releases
    tags: {semver: ">=1.0.0"}
  - name: old nightlies
    tags: nightly-*
  - name: pull requests
    tags: pr-*
    older-than: 30d
`

// newDemo returns the command demo.
func newDemo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the whole story on a registry inside this process",
		Long: "Show the whole story on a registry inside this process: plan, explain, apply, restore. Each step is one of the\n" +
			"commands, run as you would run it, in a temporary folder.",
		Example: join("regret demo"),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.context(cmd)
			defer cancel()
			return a.demo(ctx)
		},
	}
}

// A demo runs commands in a folder and shows them.
type demo struct {
	*app
	regret string // the path of this program
	folder string
}

// demo runs the demo.
func (a *app) demo(ctx context.Context) (err error) {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "regret-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	server, err := demoRegistry(time.Now().UTC()).Start()
	if err != nil {
		return err
	}
	defer server.Close()
	d := &demo{a, path, folder}
	return d.show(ctx, server.Host+"/team/shop")
}

// show shows the story of one repository.
func (d *demo) show(ctx context.Context, repository string) error {
	if err := os.WriteFile(filepath.Join(d.folder, "policy.yaml"), []byte(demoPolicy), 0o600); err != nil {
		return err
	}
	d.say("A registry inside this process holds %s: four releases, nine nightlies, and images", repository)
	d.say("of five pull requests, one of which became release 1.2.0. A policy says what to keep and what to remove:\n")
	d.say("$ cat policy.yaml\n%s", demoPolicy)
	for _, step := range []struct{ says, runs string }{
		{"What would go, and why? This changes nothing.", "plan " + repository + " -p policy.yaml --out plan.json"},
		{"Why does pr-13 stay, although it is older than 30 days?", "explain " + repository + ":pr-13 -p policy.yaml"},
		{"Do it. At a terminal, apply asks for the number of images; --yes is for jobs.", "apply plan.json --yes"},
		{"What is left?", "ls " + repository},
		{"Take it back. That works until the registry collects its garbage.", "restore UNDO"},
		{"Everything is as it was.", "ls " + repository},
	} {
		if err := d.step(ctx, step.says, step.runs); err != nil {
			return err
		}
	}
	d.say("Now a repository of yours: regret plan REPO -p policy.yaml")
	return nil
}

// step says what follows, and runs a command. UNDO in its arguments is the folder that apply has
// written.
func (d *demo) step(ctx context.Context, says, runs string) error {
	if strings.Contains(runs, "UNDO") {
		folders, err := filepath.Glob(filepath.Join(d.folder, "regret-undo", "*"))
		if err != nil || len(folders) != 1 {
			return errors.Join(errors.New("apply has left no folder to restore from"), err)
		}
		runs = strings.ReplaceAll(runs, "UNDO", filepath.ToSlash(filepath.Join("regret-undo", filepath.Base(folders[0]))))
	}
	d.say("# %s\n$ regret %s", says, runs)
	args := strings.Fields(runs)
	if d.streams.Out.Palette(d.flags.color) != (terminal.Palette{}) {
		args = append(args, "--color=always")
	}
	cmd := exec.CommandContext(ctx, d.regret, args...)
	cmd.Dir, cmd.Env = d.folder, demoEnv(d.folder)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	d.say("%s", output.String())
	if err != nil {
		return fmt.Errorf("regret %s: %w", runs, err)
	}
	return nil
}

// say prints a text and ends its line.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.streams.Out, format+"\n", args...)
}

// demoEnv is the environment of the commands: that of this process, but with no flag and no login
// in it.
func demoEnv(folder string) []string {
	var env []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(strings.ToUpper(name), "REGRET_") {
			env = append(env, variable)
		}
	}
	return append(env, "DOCKER_CONFIG="+folder, "REGISTRY_AUTH_FILE=", "DOCKER_AUTH_CONFIG=")
}

// demoRegistry returns a registry with the repository team/shop, whose images are some days old.
func demoRegistry(now time.Time) *regrettest.Registry {
	s := &shopSeeder{regrettest.New(), now}
	s.image("amd64", 240, "1.0.0")
	amd64, arm64 := s.image("amd64", 110), s.image("arm64", 110)
	signed := s.PutIndex(demoRepository, []ocispec.Descriptor{amd64, arm64, s.attestation(amd64, 110)}, "1.1.0")
	s.PutReferrer(demoRepository, signed, "application/vnd.cncf.notary.signature", "signature")
	s.PutIndex(demoRepository, []ocispec.Descriptor{s.image("amd64", 45), arm64}, "1.2.0", "pr-13")
	s.PutIndex(demoRepository, []ocispec.Descriptor{s.image("amd64", 9), s.image("arm64", 9)}, "1.3.0", "latest")
	for days := range 9 {
		s.image("amd64", days, now.AddDate(0, 0, -days).Format("nightly-20060102"))
	}
	s.image("amd64", 61, "pr-11")
	s.image("amd64", 48, "pr-12")
	s.image("amd64", 5, "pr-20")
	s.image("amd64", 2, "pr-21")
	return s.Registry
}

const demoRepository = "team/shop"

// A shopSeeder is the registry of the demo while it is filled.
type shopSeeder struct {
	*regrettest.Registry
	now time.Time
}

// image stores an image that was built so many days ago. Images with other tags share nothing.
func (s *shopSeeder) image(architecture string, days int, tags ...string) ocispec.Descriptor {
	return s.PutImage(demoRepository, regrettest.Image{
		Platform: "linux/" + architecture, Created: s.now.AddDate(0, 0, -days).Add(-time.Minute).Truncate(time.Second),
		Layers: []string{fmt.Sprint(architecture, days, tags)},
	}, tags...)
}

// attestation stores what buildkit says about an image, for the index that lists the image.
func (s *shopSeeder) attestation(image ocispec.Descriptor, days int) ocispec.Descriptor {
	attestation := s.image("unknown", days)
	attestation.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": image.Digest.String(),
	}
	return attestation
}
