package policy_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

const now = "2026-11-26T12:00:00Z"

func hex(c string) string { return strings.Repeat(c, 64) }

func TestInUseListsHoldTagsAndDigests(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		list                 string
		rule                 string // besides its name and file
		registry, repository string // registry.example, team/app
		tags                 []string
		digests              []regret.Digest
	}{
		"a tag":                             {list: "registry.example/team/app:v1", tags: []string{"v1"}},
		"tags once and in order":            {list: "registry.example/team/app:b\nregistry.example/team/app:a\nregistry.example/team/app:b\n", tags: []string{"a", "b"}},
		"no tag is latest":                  {list: "registry.example/team/app", tags: []string{"latest"}},
		"a digest":                          {list: "sha256:" + hex("a"), digests: []regret.Digest{"sha256:" + digest.Digest(hex("a"))}},
		"a long digest":                     {list: "sha512:" + hex("a") + hex("b"), digests: []regret.Digest{"sha512:" + digest.Digest(hex("a")+hex("b"))}},
		"a digest under a name":             {list: "registry.example/team/app@sha256:" + hex("a"), digests: []regret.Digest{"sha256:" + digest.Digest(hex("a"))}},
		"a digest under any name":           {list: "other.example/x@sha256:" + hex("b") + "\nx@sha256:" + hex("a"), digests: []regret.Digest{"sha256:" + digest.Digest(hex("a")), "sha256:" + digest.Digest(hex("b"))}},
		"a tag beside a digest is ignored":  {list: "registry.example/team/app:v1@sha256:" + hex("a"), digests: []regret.Digest{"sha256:" + digest.Digest(hex("a"))}},
		"what the dockershim reports":       {list: "docker-pullable://registry.example/team/app@sha256:" + hex("a") + "\ndocker-pullable://registry.example/team/app:v1", tags: []string{"v1"}, digests: []regret.Digest{"sha256:" + digest.Digest(hex("a"))}},
		"another repository":                {list: "registry.example/team/other:v1"},
		"another registry beside":           {list: "other.example/team/app:v1\nregistry.example/team/app:v2\nregistry.example:5000/team/app:v3", tags: []string{"v2"}},
		"comments, blank lines and spaces":  {list: "# pods\n\n  \t\n  registry.example/team/app:v1  \n#registry.example/team/app:v2\n", tags: []string{"v1"}},
		"line ends of Windows":              {list: "registry.example/team/app:v1\r\n\r\nregistry.example/team/app:v2", tags: []string{"v1", "v2"}},
		"a byte order mark":                 {list: "\ufeffregistry.example/team/app:v1\n", tags: []string{"v1"}},
		"a byte order mark and a comment":   {list: "\ufeff# pods\nregistry.example/team/app:v1\n", tags: []string{"v1"}},
		"short names are Docker Hub's":      {list: "nginx:1\nlibrary/nginx:2\ndocker.io/nginx:3\nindex.docker.io/library/nginx:4\nother/nginx:5", registry: "docker.io", repository: "library/nginx", tags: []string{"1", "2", "3", "4"}},
		"short names are not of a registry": {list: "team/app:v1\nregistry.example/x"},
		"the address of a client":           {list: "team/app:v1", registry: "https://registry-1.docker.io", tags: []string{"v1"}},
		"an address with a port":            {list: "localhost:5000/team/app:v1", registry: "http://localhost:5000", tags: []string{"v1"}},
		"the port of https":                 {list: "registry.example:443/team/app:v1", registry: "https://registry.example", tags: []string{"v1"}},
		"capitals in a host":                {list: "Registry.Example/team/app:v1", registry: "https://registry.example", tags: []string{"v1"}},
		"further names of the registry":     {list: "mirror.local:5000/team/app:v1\nmirror.other:5000/team/app:v0", rule: `, "registries": ["mirror.local:5000"]`, tags: []string{"v1"}},
		"further names alone suffice":       {list: "mirror.local/team/x:v1", rule: `, "registries": ["mirror.local"]`},
		"Docker Hub as a further name":      {list: "team/app:v1", rule: `, "registries": ["index.docker.io"]`, tags: []string{"v1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.registry == "" {
				test.registry = "registry.example"
			}
			if test.repository == "" {
				test.repository = "team/app"
			}
			list, err := policy.ParseInUse("in-use.txt", strings.NewReader(test.list), instant(t, now))
			if err != nil {
				t.Fatal(err)
			}
			if list.Name() != "in-use.txt" || list.Digest() != digest.FromString(test.list) {
				t.Errorf("name %q, digest %s", list.Name(), list.Digest())
			}
			rule := keepRule(t, `{"name": "in use", "file": "in-use.txt"`+test.rule+`}`)
			tags, digests, err := list.Held(test.registry, test.repository, rule, instant(t, now))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.tags, tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.digests, digests); diff != "" {
				t.Errorf("digests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInUseListsAreMadeWhenALineSaysSo(t *testing.T) {
	t.Parallel()
	const file = "2026-11-20T12:00:00Z"
	for name, test := range map[string]struct{ line, want string }{
		"no line":                            {"", file},
		"a line":                             {"# made 2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z"},
		"a line with an offset":              {"# made 2026-11-24T12:00:00+02:00", "2026-11-24T10:00:00Z"},
		"a line with fractions of a second":  {"# made 2026-11-24T12:00:00.5Z", "2026-11-24T12:00:00Z"},
		"more and less white space":          {"  #made  2026-11-24T12:00:00Z  ", "2026-11-24T12:00:00Z"},
		"other words after made":             {"# made by hand", file},
		"made alone":                         {"# made", file},
		"other words before":                 {"# was made 2026-11-24T12:00:00Z", file},
		"the earliest of several":            {"# made 2026-11-24T12:00:00Z\n# made 2026-11-23T12:00:00Z\n# made 2026-11-25T12:00:00Z", "2026-11-23T12:00:00Z"},
		"a line that is later than the file": {"# made 2026-11-26T12:00:00Z", "2026-11-26T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := policy.ParseInUse("f", strings.NewReader("registry.example/team/app\n"+test.line), instant(t, file))
			if err != nil {
				t.Fatal(err)
			}
			if got := list.Made().UTC().Format(time.RFC3339); got != test.want {
				t.Errorf("made at %s, want %s", got, test.want)
			}
		})
	}
}

func TestMalformedLinesOfInUseListsAreReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		list    string
		lines   []int
		problem string
	}{
		"an error message":            {"registry.example/a:1\nError from server (Forbidden): pods is forbidden\n", []int{2}, "write one image a line"},
		"two images in a line":        {"registry.example/a:1 registry.example/b:1\n", []int{1}, "write one image a line"},
		"a comment after an image":    {"registry.example/a:1 # production\n", []int{1}, "write one image a line"},
		"a capital in a repository":   {"\nregistry.example/Team/App:1\n", []int{2}, "lowercase"},
		"an image without a name":     {"<none>\n", []int{1}, "no reference"},
		"a scheme":                    {"https://registry.example/a:1\n", []int{1}, "leave out the scheme"},
		"an identifier of an image":   {hex("a") + "\n", []int{1}, "no reference"},
		"a digest that is cut off":    {"sha256:abc\n", []int{1}, "is not a digest"},
		"a digest in capitals":        {"sha256:" + hex("A") + "\n", []int{1}, "is not a digest"},
		"a digest after a name":       {"registry.example/a@sha256:abc\n", []int{1}, "no reference"},
		"JSON":                        {"{\n\"items\": []\n}\n", []int{1, 2, 3}, "not a reference"},
		"a time without a zone":       {"# made 2026-11-24 12:00\nregistry.example/a:1", []int{1}, "2026-11-26T12:00:00Z"},
		"UTF-16":                      {"\xff\xfer\x00e\x00g\x00", []int{1}, "UTF-16"},
		"bytes that are not UTF-8":    {"registry.example/\xff:1\n", []int{1}, "no reference"},
		"a line without end":          {"registry.example/a\n" + strings.Repeat("x", 5000), []int{2}, "longer than 4096 bytes"},
		"at most ten":                 {strings.Repeat("<none>\n", 25), []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "15 more lines are malformed"},
		"image transports":            {"containers-storage:registry.example/a:1\n", []int{1}, "not in a registry"},
		"a byte order mark in a line": {"registry.example/a\n\ufeffregistry.example/b\n", []int{2}, "no reference"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := policy.ParseInUse("in-use.txt", strings.NewReader(test.list), instant(t, now))
			if list != nil || err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Fatalf("%v, want %q", err, test.problem)
			}
			var lines []int
			for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
				var fault *policy.InUseError
				if !errors.As(err, &fault) {
					continue
				}
				lines = append(lines, fault.Line)
				if fault.Detail != policy.InUseMalformed || fault.Name != "in-use.txt" || fault.Rule != "" || !strings.HasPrefix(fault.Error(), fmt.Sprintf(`in-use list "in-use.txt", line %d: `, fault.Line)) {
					t.Errorf("%+v: %v", fault, fault)
				}
			}
			if diff := cmp.Diff(test.lines, lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s%v", diff, err)
			}
		})
	}
	t.Run("without the password in an address", func(t *testing.T) {
		t.Parallel()
		_, err := policy.ParseInUse("f", strings.NewReader("https://user:secret@registry.example/a:1"), instant(t, now))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("and a reader that fails fails", func(t *testing.T) {
		t.Parallel()
		failure := errors.New("disk on fire")
		_, err := policy.ParseInUse("f", io.MultiReader(strings.NewReader("registry.example/a:1\n"), iotest.ErrReader(failure)), instant(t, now))
		if !errors.Is(err, failure) || !strings.Contains(err.Error(), `in-use list "f"`) {
			t.Errorf("error %v", err)
		}
	})
}

func TestInUseListsThatCannotBeTrustedHoldNothing(t *testing.T) {
	t.Parallel()
	const ours = "registry.example/team/app:v1\n"
	for name, test := range map[string]struct {
		list, made string
		detail     policy.InUseDetail
	}{
		"an empty list":                       {"", now, policy.InUseEmpty},
		"a list of comments":                  {"# nothing\n\n# made 2026-11-26T12:00:00Z\n", now, policy.InUseEmpty},
		"an empty list that is old":           {"", "2026-11-01T12:00:00Z", policy.InUseEmpty},
		"a list of another registry":          {"other.example/team/app:v1\n", now, policy.InUseForeign},
		"a list of short names":               {"team/app:v1\nnginx\n", now, policy.InUseForeign},
		"a digest of another registry":        {"other.example/team/app@sha256:" + hex("a"), now, ""},
		"exactly as old as it may be":         {ours, "2026-11-25T12:00:00Z", ""},
		"a second older":                      {ours, "2026-11-25T11:59:59Z", policy.InUseStale},
		"a copy of an old list":               {"# made 2026-11-24T12:00:00Z\n" + ours, now, policy.InUseStale},
		"a copy of a new list in an old file": {"# made 2026-11-26T11:00:00Z\n" + ours, "2026-01-01T12:00:00Z", ""},
		"a list of tomorrow":                  {"# made 2026-11-27T12:00:00Z\n" + ours, now, ""},
		"a list of next year":                 {"# made 2027-11-27T12:00:00Z\n" + ours, now, policy.InUseStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := policy.ParseInUse("in-use.txt", strings.NewReader(test.list), instant(t, test.made))
			if err != nil {
				t.Fatal(err)
			}
			rule := keepRule(t, `{"name": "in use", "file": "in-use.txt"}`)
			checkDetail(t, test.detail, list, rule)
		})
	}
	t.Run("a list that does not exist", func(t *testing.T) {
		t.Parallel()
		checkDetail(t, policy.InUseMissing, nil, keepRule(t, `{"name": "in use", "file": "in-use.txt"}`))
	})
	t.Run("a list that nobody parsed", func(t *testing.T) {
		t.Parallel()
		checkDetail(t, policy.InUseEmpty, &policy.InUse{}, keepRule(t, `{"name": "in use", "file": "in-use.txt"}`))
	})
	t.Run("a list whose age is unknown", func(t *testing.T) {
		t.Parallel()
		list, err := policy.ParseInUse("in-use.txt", strings.NewReader(ours), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		checkDetail(t, policy.InUseStale, list, keepRule(t, `{"name": "in use", "file": "in-use.txt"}`))
	})
	t.Run("another age that the rule has", func(t *testing.T) {
		t.Parallel()
		list, err := policy.ParseInUse("in-use.txt", strings.NewReader(ours), instant(t, "2026-11-20T12:00:00Z"))
		if err != nil {
			t.Fatal(err)
		}
		checkDetail(t, "", list, keepRule(t, `{"name": "in use", "file": "in-use.txt", "max-age": "1w"}`))
		checkDetail(t, policy.InUseStale, list, keepRule(t, `{"name": "in use", "file": "in-use.txt", "max-age": "5d"}`))
		checkDetail(t, "", list, keepRule(t, `{"name": "in use", "file": "in-use.txt", "max-age": "1mo"}`))
	})
}

func checkDetail(t *testing.T, want policy.InUseDetail, list *policy.InUse, rule *policy.Rule) {
	t.Helper()
	tags, digests, err := list.Held("registry.example", "team/app", rule, instant(t, now))
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var fault *policy.InUseError
	if tags != nil || digests != nil || !errors.As(err, &fault) {
		t.Fatalf("tags %q, digests %q: %v", tags, digests, err)
	}
	if fault.Detail != want || fault.Rule != "in use" || fault.Name != "in-use.txt" || fault.Line != 0 || !strings.HasPrefix(err.Error(), `rule "in use": in-use list "in-use.txt": `) {
		t.Errorf("%+v: %v, want %s", fault, err, want)
	}
}
