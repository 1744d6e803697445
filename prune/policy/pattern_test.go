package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestPatternsMatchWholeTags(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tags    string // JSON
		yes, no []string
	}{
		"a word":                                {`"latest"`, []string{"latest"}, []string{"latest2", "xlatest", "Latest", "lates"}},
		"an asterisk":                           {`"*"`, []string{"a", "_", "v1.2.3", strings.Repeat("x", 128)}, nil},
		"two asterisks":                         {`"**"`, []string{"a", "v1.2.3"}, nil},
		"a beginning":                           {`"pr-*"`, []string{"pr-1", "pr-"}, []string{"pr", "xpr-1", "PR-1"}},
		"an end":                                {`"*-debug"`, []string{"1-debug"}, []string{"1-debug2", "debug"}},
		"both ends":                             {`"v*-rc*"`, []string{"v1-rc", "v1-rc2", "v-rc"}, []string{"v1", "1-rc2"}},
		"the middle":                            {`"*-rc*"`, []string{"1-rc2", "1-rc"}, []string{"1rc"}},
		"a question mark":                       {`"v?"`, []string{"v1"}, []string{"v", "v12"}},
		"a class":                               {`"v[0-9]"`, []string{"v1"}, []string{"va", "v10"}},
		"a negated class":                       {`"v[!0-9]*"`, []string{"va", "v-1"}, []string{"v1", "v"}},
		"a dot is a dot":                        {`"1.2"`, []string{"1.2"}, []string{"1x2"}},
		"braces":                                {`"{latest,stable,v{1,2}.*}"`, []string{"latest", "stable", "v1.0", "v2."}, []string{"v3.0", "v1"}},
		"an empty alternative":                  {`"v1{,-debug}"`, []string{"v1", "v1-debug"}, []string{"v1-"}},
		"an alternative that no tag has":        {`"{a/b,c}"`, []string{"c"}, []string{"a", "b"}},
		"a backslash":                           {`"\\v1"`, []string{"v1"}, nil},
		"directories that tags do not have":     {`"**/v1"`, []string{"v1"}, []string{"v2"}},
		"a list":                                {`["a", "b*"]`, []string{"a", "b", "bc"}, []string{"ab"}},
		"the same tag by two patterns":          {`["a*", "a?"]`, []string{"ab"}, nil},
		"alternatives are anchored together":    {`{"regexp": "pr-1|mr-1"}`, []string{"pr-1", "mr-1"}, []string{"pr-10", "x-mr-1"}},
		"anchors that are there":                {`{"regexp": "^v\\d+$"}`, []string{"v1"}, []string{"v1x", "xv1"}},
		"an expression without case":            {`{"regexp": "(?i)rc"}`, []string{"rc", "RC"}, []string{"arc"}},
		"anchors of lines":                      {`{"regexp": "(?m)^a$"}`, []string{"a"}, []string{"ab"}},
		"word boundaries":                       {`{"regexp": "\\ba\\b.*"}`, []string{"a", "a-b"}, []string{"ab"}},
		"an optional beginning":                 {`{"regexp": "v*1"}`, []string{"1", "v1", "vv1"}, []string{"2"}},
		"digits are ASCII":                      {`{"regexp": "\\d+"}`, []string{"1"}, []string{"a"}},
		"a range":                               {`{"semver": ">=1.2.0 <2"}`, []string{"1.2.0", "v1.9.9"}, []string{"1.1.9", "2.0.0", "1.3.0-rc.1", "1.2", "1", "latest", "V1.2.0"}},
		"what is no version":                    {`{"semver": "*"}`, []string{"0.0.0", "v1.2.3"}, []string{"1", "1.2", "1.2.3.4", "1.02.3", "01.2.3", "1.2.03", "20240131", "2024.01.31", "v", "vv1.2.3", "1.2.x", "1..2", ".1.2", "1.2.", "1.2.3-", "1.2.3-rc..1", "1.2.3_1", "99999999999999999999.0.0"}},
		"dates with dots may be versions":       {`{"semver": "*"}`, []string{"2024.1.31", "2024.12.31"}, nil},
		"a range with pre-releases":             {`{"semver": ">=1.0.0-0"}`, []string{"1.0.0", "1.0.0-rc.1", "1.0.0-alpine", "2.0.0-0", "2.0.0--"}, []string{"0.9.0", "0.9.0-rc.1", "1.0.0-01", "1.0.0-rc_1"}},
		"pre-releases in one of two ranges":     {`{"semver": ">=2.0.0-0 || 1.x"}`, []string{"2.1.0-rc", "1.5.0"}, []string{"1.5.0-rc"}},
		"pre-releases alone":                    {`{"semver": ">=1.0.0", "pre": "only"}`, []string{"1.0.1-rc.1", "2.0.0-alpha"}, []string{"1.0.0", "2.0.0", "1.0.0-rc.1"}},
		"pre-releases alone, in a range of one": {`{"semver": "1.x", "pre": "only"}`, []string{"1.0.1-rc.1"}, []string{"1.0.1", "2.0.1-rc.1"}},
		"a version in an expression":            {`{"regexp": "app-(?P<version>.+)", "semver": "1.x"}`, []string{"app-1.2.3", "app-v1.0.0"}, []string{"1.2.3", "app-2.0.0", "app-1.2", "app-1.2.3-rc.1"}},
		"a version without a range":             {`{"regexp": "app-(?P<version>.+)"}`, []string{"app-1.2.3", "app-1.2", "app-x"}, []string{"app-"}},
		"pre-releases alone in an expression":   {`{"regexp": "app-(?P<version>.+)", "semver": "*", "pre": "only"}`, []string{"app-1.2.3-rc.1"}, []string{"app-1.2.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := removeRule(t, `{"tags": `+test.tags+`}`)
			for _, tag := range test.yes {
				if len(rule.Match(tag)) == 0 {
					t.Errorf("%s does not match %q", test.tags, tag)
				}
			}
			for _, tag := range test.no {
				if found := rule.Match(tag); len(found) > 0 {
					t.Errorf("%s matches %q: %+v", test.tags, tag, found)
				}
			}
		})
	}
}

func TestExceptionsTakeTagsAway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule    string
		yes, no []string
	}{
		"from every tag":     {`"older-than": "1d", "except": "latest"`, []string{"a"}, []string{"latest"}},
		"from a glob":        {`"tags": "pr-*", "except": "pr-keep-*"`, []string{"pr-1"}, []string{"pr-keep-1", "x"}},
		"of several kinds":   {`"tags": "*", "except": [{"regexp": "v\\d+"}, {"semver": ">=1"}, "develop-*"]`, []string{"v1x", "0.9.0", "x"}, []string{"v1", "1.0.0", "develop-1"}},
		"but never add tags": {`"tags": "a*", "except": "b*"`, []string{"a"}, []string{"b", "bc", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := removeRule(t, `{`+test.rule+`}`)
			for _, tag := range test.yes {
				if len(rule.Match(tag)) != 1 {
					t.Errorf("does not match %q", tag)
				}
			}
			for _, tag := range test.no {
				if len(rule.Match(tag)) > 0 {
					t.Errorf("matches %q", tag)
				}
			}
		})
	}
}

func TestPatternsThatAreMalformedOrMatchNoTagAreFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ pattern, field, problem string }{
		"a bracket without end":            {`"v[0-9"`, "", "is not a glob"},
		"a brace without end":              {`"v{1,2"`, "", "is not a glob"},
		"a brace without beginning":        {`"v1}"`, "", "is not a glob"},
		"a backslash at the end":           {`"v1\\"`, "", "is not a glob"},
		"an empty class":                   {`"v[]"`, "", "is not a glob"},
		"an image in place of a tag":       {`"team/app:*"`, "", `tags do not contain "/"`},
		"a reference to a branch":          {`"refs/heads/*"`, "", `tags do not contain "/"`},
		"a space":                          {`"v1 "`, "", `tags do not contain " "`},
		"a dash at the beginning":          {`"-rc*"`, "", `tags do not begin with "-"`},
		"a dot at the beginning":           {`".*"`, "", `tags do not begin with "."`},
		"what looks like an expression":    {`"v\\d+"`, "", `tags do not contain "+"`},
		"a plus sign":                      {`"1.2.3+*"`, "", `tags do not contain "+"`},
		"a letter with an accent":          {`"é*"`, "", `tags do not contain "é"`},
		"a class without characters":       {`"v[ä:]"`, "", `tags do not contain "[ä:]"`},
		"more than a tag has":              {`"` + strings.Repeat("?", 129) + `"`, "", "at most 128 characters"},
		"nothing in braces":                {`"{,}"`, "", "it is empty"},
		"only directories":                 {`"**/"`, "", "it is empty"},
		"thousands of alternatives":        {`"` + strings.Repeat("{a,b}", 10) + `"`, "", "more than 1000 alternatives"},
		"a long glob":                      {`"` + strings.Repeat("*", 4097) + `"`, "", "longer than 4096 bytes"},
		"a parenthesis without end":        {`{"regexp": "v("}`, "/regexp", "missing closing )"},
		"parentheses that close the frame": {`{"regexp": "a)(b"}`, "/regexp", "unexpected )"},
		"a look-ahead":                     {`{"regexp": "(?!v).*"}`, "/regexp", "invalid or unsupported Perl syntax"},
		"a group of two meanings":          {`{"regexp": "(?P<a>x)(?P<a>y)"}`, "/regexp", "two groups of the name"},
		"an expression with a slash":       {`{"regexp": "release/.*"}`, "/regexp", "matches no tag"},
		"an expression with a space":       {`{"regexp": "v1 .*|v2 "}`, "/regexp", "matches no tag"},
		"an expression for a dash":         {`{"regexp": "-\\d+"}`, "/regexp", "matches no tag"},
		"an expression for nothing":        {`{"regexp": "()"}`, "/regexp", "matches no tag"},
		"an end before the end":            {`{"regexp": "a$b"}`, "/regexp", "matches no tag"},
		"a beginning after the beginning":  {`{"regexp": "a^b"}`, "/regexp", "matches no tag"},
		"an expression longer than a tag":  {`{"regexp": "a{129}"}`, "/regexp", "matches no tag"},
		"an expression with a line break":  {`{"regexp": "a\\n"}`, "/regexp", "matches no tag"},
		"a range that is none":             {`{"semver": "one"}`, "/semver", "is not a range of versions"},
		"a range with a regexp's syntax":   {`{"semver": "1\\..*"}`, "/semver", "is not a range of versions"},
		"a range without versions":         {`{"semver": ">2 <1"}`, "/semver", "no version is in the range"},
		"a range below zero":               {`{"semver": "<0.0.0"}`, "/semver", "no version is in the range"},
		"a range of one without itself":    {`{"semver": "1.2.3 !=1.2.3"}`, "/semver", "no version is in the range"},
		"a range without pre-releases":     {`{"semver": "1.2.3", "pre": "only"}`, "/semver", "no pre-release is in the range"},
		"a range without its group":        {`{"regexp": "v(.*)", "semver": "1"}`, "/semver", "(?P<version>…)"},
		"pre-releases of no one version":   {`{"semver": "!=1.x-rc"}`, "/semver", "does not name in full"},
		"pre alone":                        {`{"pre": "only"}`, "/pre", "needs a semver"},
		"pre beside a regexp":              {`{"regexp": "v.*", "pre": "only"}`, "/pre", "needs a semver"},
		"pre with another value":           {`{"semver": "1", "pre": "include"}`, "/pre", `the only value is "only"`},
		"an empty object":                  {`{}`, "", "the pattern is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for list, pointer := range map[string]string{
				test.pattern:                   "/remove/0/tags" + test.field,
				`["ok", ` + test.pattern + `]`: "/remove/0/tags/1" + test.field,
			} {
				_, err := policy.Parse([]byte(`{"version": 1, "remove": [{"name": "r", "tags": ` + list + `}]}`))
				if diff := cmp.Diff([]place{{"r", "tags", pointer}}, places(t, err)); diff != "" {
					t.Errorf("faults (-want +got):\n%s", diff)
				}
				if err != nil && !strings.Contains(err.Error(), test.problem) {
					t.Errorf("%v, want %q", err, test.problem)
				}
			}
			_, err := policy.Parse([]byte(`{"version": 1, "remove": [{"name": "r", "tags": "x*", "except": ` + test.pattern + `}]}`))
			if diff := cmp.Diff([]place{{"r", "except", "/remove/0/except" + test.field}}, places(t, err)); diff != "" {
				t.Errorf("faults of except (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRangesThatHaveAVersionAreAccepted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"*", "x", "1", "1.x", "1.2.x", "^0.0.0", "~0", ">0.0.0", "<0.0.1", ">1.2.3 <1.2.5", ">=1.0.0-0 <1.0.0", "!=1.2.3-0", ">1.2.3-rc.1 <1.2.3-rc.1.1", "1.2 - 1.4",
		"=1.2.3-rc.1", "> 1.2, != 1.3.x", ">18446744073709551614.0.0", "<1.0.0-0.0", ">1 <1 || 3",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			if _, err := policy.New(policy.Document{Version: 1, Remove: []policy.Remove{{Tags: policy.Semver(text)}}}); err != nil {
				t.Error(err)
			}
		})
	}
}
