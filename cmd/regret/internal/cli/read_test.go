package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// shownHost stands for the host of a test's registry in golden files. It is as long.
const shownHost = "localhost:50000"

// library returns a registry with images of every kind, and its host.
func library(t *testing.T) (reg *fakeregistry.Registry, host string) {
	t.Helper()
	reg = fakeregistry.New()
	reg.PutImage("team/app", "one", "1.0")
	index := reg.PutIndex("team/app", []string{"amd64", "arm64"}, "1.1", "latest")
	signature := reg.PutReferrer("team/app", index, "application/vnd.example.signature", "signed")
	reg.PutReferrer("team/app", signature, "application/vnd.example.timestamp", "stamped")
	reg.PutReferrer("team/app", index, "application/spdx+json", "packages")
	reg.PutImage("team/app", "cosign", "sha256-"+index.Digest.Encoded()+".sig")
	return reg, serve(t, reg)
}

func TestOutputsOfReading(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, args string }{
		{"resolve.txt", "resolve HOST/team/app:1.0 HOST/team/app"},
		{"resolve.json", "resolve HOST/team/app:1.0 HOST/team/app:1.1 -o json"},
		{"resolve-name.txt", "resolve HOST/team/app:1.0 -o name"},
		{"ls.txt", "ls HOST/team/app"},
		{"ls.json", "ls HOST/team/app -o json"},
		{"ls.jsonl", "ls HOST/team/app -o jsonl --match 1.*"},
		{"ls-none.json", "ls HOST/team/app -o json --match nothing"},
		{"ls-name.txt", "ls HOST/team/app -o name --except sha256-*"},
		{"ls-digests.txt", "ls HOST/team/app --digests"},
		{"ls-digests.json", "ls HOST/team/app --digests -o json"},
		{"ls-tree.txt", "ls HOST/team/app --tree"},
		{"ls-repositories.json", "ls -R HOST -o json"},
		{"referrers.txt", "referrers HOST/team/app:latest"},
		{"referrers-table.txt", "referrers HOST/team/app:latest -o table"},
		{"referrers.json", "referrers HOST/team/app:latest -o json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reg, host := library(t)
			got := run(t, strings.Fields(strings.ReplaceAll(test.args, "HOST", host))...)
			got.checkCode(t, exit.Done)
			checkNoWrites(t, reg)
			if got.errors != "" {
				t.Errorf("stderr has %q", got.errors)
			}
			checkGolden(t, "read/"+test.name, got.out, host, shownHost)
			if strings.HasSuffix(test.name, ".json") {
				checkSchema(t, got.out)
			}
		})
	}
}

func TestATableAtATerminal(t *testing.T) {
	t.Parallel()
	_, host := library(t)
	got := process{columns: 60}.run(t, "ls", host+"/team/app", "--digests", "--color", "never")
	checkGolden(t, "read/ls-terminal.txt", got.out)
}

func TestFailuresOfReading(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		args    string
		prepare func(reg *fakeregistry.Registry)
		code    exit.Code
		out     string // a part of stdout; empty: nothing
		stderr  string
	}{
		{"a tag that does not exist", "resolve HOST/team/app:nope", nil, exit.NotFound, "", "not found"},
		{"one of two tags does not exist", "resolve HOST/team/app:nope HOST/team/app:1.0 --format {{.Reference}}", nil, exit.Partial, "app:1.0\n", "not found"},
		{"a repository that does not exist", "ls HOST/team/nope", nil, exit.NotFound, "", "not found"},
		{"an image that does not exist", "referrers HOST/team/app:nope", nil, exit.NotFound, "", "not found"},
		{"a registry that is down", "resolve HOST/team/app:1.0 --timeout 50ms", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
		}, exit.Failed, "", "resolve"},
		{"a list that is not complete", "ls HOST/team/app -o json", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), fakeregistry.Errors(404, "NAME_UNKNOWN", "no such page"))
			first := map[string]string{"Content-Type": "application/json", "Link": `</v2/team/app/tags/list?last=b>; rel="next"`}
			reg.Intercept(1, fakeregistry.On("GET", "/v2/team/app/tags/list"), fakeregistry.Answer(200, first, `{"name":"team/app","tags":["a","b"]}`))
		}, exit.Unsafe, "", "incomplete list"},
		{"a list with entries that are no tags", "ls HOST/team/app --match 1.0", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), fakeregistry.Answer(200, map[string]string{"Content-Type": "application/json"}, `{"name":"team/app","tags":["1.0","-odd"]}`))
		}, exit.Unsafe, "1.0\n", "-odd"},
		{"a tag that is gone when it is looked at", "ls HOST/team/app --digests", func(reg *fakeregistry.Registry) {
			reg.SetTag("team/app", "dangling", "sha256:"+fakeDigits)
		}, exit.Partial, "dangling", "not found"},
		{"a registry without a list of repositories", "ls -R HOST", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("GET", "/v2/_catalog"), fakeregistry.Errors(404, "NOT_FOUND", "no"))
		}, exit.NotFound, "", "name the repositories"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, host := library(t)
			if test.prepare != nil {
				test.prepare(reg)
			}
			got := run(t, strings.Fields(strings.ReplaceAll(test.args, "HOST", host))...)
			got.checkCode(t, test.code)
			checkNoWrites(t, reg)
			if test.out == "" && strings.HasSuffix(got.out, "]}\n") || !strings.Contains(got.out, test.out) {
				t.Errorf("stdout has %q, want %q", got.out, test.out)
			}
			if !strings.Contains(got.errors, test.stderr) {
				t.Errorf("stderr has no %q:\n%s", test.stderr, got.errors)
			}
		})
	}
}

// fakeDigits are the digits of a digest that nothing has.
const fakeDigits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestNothingFromARegistryControlsATerminal(t *testing.T) {
	t.Parallel()
	reg, host := library(t)
	reg.Intercept(0, fakeregistry.On("", "/v2/team/app/manifests"), fakeregistry.Errors(403, "DENIED", "\x1b]0;owned\x07 \u202eno"))
	got := run(t, "resolve", host+"/team/app:1.0")
	got.checkCode(t, exit.NotAllowed)
	if strings.ContainsAny(got.errors, "\x1b\x07\u202e") {
		t.Errorf("stderr has %q", got.errors)
	}
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	numbers := func(n int, end error) func(func(int, error) bool) {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
			if end != nil {
				yield(0, end)
			}
		}
	}
	odd, end := errors.New("odd"), errors.New("end")
	double := func(_ context.Context, i int) (string, error) {
		if i%2 == 1 {
			return fmt.Sprint(i), odd
		}
		return fmt.Sprint(i * 2), nil
	}
	for _, atOnce := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(atOnce, " at once"), func(t *testing.T) {
			t.Parallel()
			var got []string
			for text, err := range inOrder(t.Context(), atOnce, numbers(5, end), double) {
				got = append(got, fmt.Sprint(text, err))
			}
			want := []string{"0<nil>", "1odd", "4<nil>", "3odd", "8<nil>", "end"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("the end of the context is an error, however far it got", func(t *testing.T) {
		t.Parallel()
		for range 100 { // what is chosen in inOrder is random
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(end)
			var last error
			for _, err := range inOrder(ctx, 2, numbers(5, ctx.Err()), double) {
				last = err
			}
			if !errors.Is(last, end) && !errors.Is(last, context.Canceled) {
				t.Fatalf("the last error is %v", last)
			}
		}
	})
	t.Run("the caller may stop", func(t *testing.T) {
		t.Parallel()
		for text := range inOrder(t.Context(), 3, numbers(1000, nil), double) {
			if text == "8" {
				return
			}
		}
		t.Error("it ended by itself")
	})
}

func TestTheVersionHasASchema(t *testing.T) {
	t.Parallel()
	got := run(t, "version", "-o", "json")
	got.checkCode(t, exit.Done)
	checkSchema(t, got.out)
}
