package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestShardsOfARegistry(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	var all []string
	for _, repository := range []string{"a/one", "a/two", "b/three", "b/four", "c"} {
		reg.PutImage(repository, "hello", "1")
		all = append(all, repository)
	}
	slices.Sort(all)
	host := serve(t, reg)
	for _, test := range []struct {
		rule   string
		shards []string
		env    func(part string) map[string]string
	}{
		{"numbered on the command line", []string{"0/3", "1/3", "2/3"}, nil},
		{"of an indexed job", []string{"auto/2", "auto/2"}, func(part string) map[string]string {
			return map[string]string{"JOB_COMPLETION_INDEX": part}
		}},
		{"of a pipeline, which counts from 1", []string{"auto", "auto"}, func(part string) map[string]string {
			return map[string]string{"CI_NODE_INDEX": string(part[0] + 1), "CI_NODE_TOTAL": "2"}
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var union []string
			for i, shard := range test.shards {
				var p process
				if test.env != nil {
					p.env = test.env(string(rune('0' + i)))
				}
				got := p.run(t, "ls", "-R", host, "--shard", shard)
				got.checkCode(t, exit.Done)
				union = append(union, strings.Fields(got.out)...)
			}
			slices.Sort(union)
			if diff := cmp.Diff(all, union); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShardsThatDoNotExist(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, shard string
		env         map[string]string
	}{
		{"the part after the last", "2/2", nil},
		{"a negative part", "-1/2", nil},
		{"no parts", "0/0", nil},
		{"no number", "a/b", nil},
		{"only one number", "1", nil},
		{"auto without a scheduler", "auto/2", nil},
		{"auto without the number of parts", "auto", map[string]string{"JOB_COMPLETION_INDEX": "0"}},
		{"part 0 of a pipeline, which counts from 1", "auto/2", map[string]string{"CI_NODE_INDEX": "0"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			got := process{env: test.env}.run(t, "ls", "-R", serve(t, reg), "--shard="+test.shard)
			got.checkCode(t, exit.Usage)
			checkNoRequests(t, reg)
		})
	}
}

func TestRepositoriesOfARegistry(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	for _, repository := range []string{"team/app", "team/web", "team/deep/x", "other"} {
		reg.PutImage(repository, "hello", "1")
	}
	host := serve(t, reg)
	for _, test := range []struct {
		rule  string
		flags []string
		want  string
	}{
		{"all", nil, "other team/app team/deep/x team/web"},
		{"those of a folder", []string{"--match", "team/*"}, "team/app team/web"},
		{"those below a folder, to any depth", []string{"--match", "team/**"}, "team/app team/deep/x team/web"},
		{"of several patterns", []string{"--match", "other,team/app"}, "other team/app"},
		{"all but some", []string{"--except", "team/**"}, "other"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got := run(t, append([]string{"ls", "-R", host}, test.flags...)...)
			got.checkCode(t, exit.Done)
			if diff := cmp.Diff(test.want, strings.Join(strings.Fields(got.out), " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
