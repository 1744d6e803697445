package policy_test

import (
	"errors"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestErrorsAreOneALineAndFound(t *testing.T) {
	t.Parallel()
	_, err := policy.Parse([]byte(`{"version": 1, "keep": [{"tags": "latest", "newest": true}, {"name": "a", "tags": "v 1"}], "remove": [], "limits": {"max-percent": true}}`))
	const want = `rule keep "latest": newest: it must be a whole number, not a boolean
rule "a": tags: "v 1" matches no tag: tags do not contain " "
remove: there is no remove rule, so nothing would ever be removed
limits.max-percent: it must be a whole number, not a boolean`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	var all policy.Errors
	first, ok := errors.AsType[*policy.Error](err)
	if !ok || !errors.As(err, &all) || first != all[0] || !errors.Is(err, all[3]) {
		t.Errorf("first %+v of %d", first, len(all))
	}
}

func TestProblemsSayWhatToWrite(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		`"older_than": "30d"`:             `rule "r": older_than: the key is unknown: write "older-than"`,
		`"Tags": "*"`:                     `rule "r": Tags: the key is unknown: write "tags"`,
		`"age": "30d"`:                    `rule "r": age: the key is unknown; the keys here are beyond, by, except, groups, name, not-pulled, older-than, orphans, overwrite, per, references, tags, trash, undated, untag, untagged, zone`,
		`"tags": {"glob": "*"}`:           `rule "r": tags: write a glob as a string in place of the object`,
		`"tags": "*", "zone": "UTC"`:      `rule "r": zone: nothing in the rule depends on a time zone: neither a calendar nor the date in a tag`,
		`"untagged": true, "tags": "*"`:   `rule "r": untagged: it makes a rule of its own: make another rule of tags`,
		`"untagged": true, "trash": true`: "rule \"r\": untagged: it makes a rule of its own: make another rule of trash\nrule \"r\": trash: it makes a rule of its own: make another rule of untagged",
		`"tags": "*", "older-than": "30"`: `rule "r": older-than: "30" is not a length of time: the unit is missing: write "30h", "30d", "30w", "30mo" or "30y"`,
	} {
		_, err := policy.Parse([]byte(`{"version": 1, "remove": [{"name": "r", ` + rule + `}]}`))
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n%v\nwant\n%s", rule, err, want)
		}
	}
}

func TestNamesWithLineBreaksAreQuoted(t *testing.T) {
	t.Parallel()
	_, err := policy.Parse([]byte(`{"version": 1, "remove": [{"name": "a\n\"b\"", "tags": "*"}]}`))
	const want = `rule "a\n\"b\"": name: it has control characters, or is not UTF-8`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}
