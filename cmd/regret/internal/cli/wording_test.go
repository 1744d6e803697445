package cli

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

func TestErrorsSayWhatToDoInCommands(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		err  error
		want string
	}{
		{"an error of another kind stays", errors.New("no space left on device"), "no space left on device"},
		{"the name of the library is left out", errors.New("regret: ping: not found"), "ping: not found"},
		{"a deletion by tag", errors.New("use DeleteManifest to delete the manifest, or UntagByOverwrite to remove only this tag"),
			"use regret rm to delete the manifest, or regret untag --by-overwrite to remove only this tag"},
		{"a token service", errors.New(`use WithTrustedRealm("https://auth.example.com")`), "use --trust-realm https://auth.example.com"},
		{"a control character", errors.New("a\x1b[31mb"), `a\x1b[31mb`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, textOf(test.err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReasonsAreShort(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"permission denied": &regret.Error{Op: "untag", Kind: regret.ErrForbidden},
		"deletion by tag is not supported: use regret rm": &regret.Error{Op: "untag", Kind: regret.ErrTagDeleteUnsupported, Hint: "use DeleteManifest"},
		"no route": errors.New("no route"),
	} {
		if diff := cmp.Diff(want, reasonFor(err)); diff != "" {
			t.Error(diff)
		}
	}
}
