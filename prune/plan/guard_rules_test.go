package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A guardStage is a repository whose manifests have names. The image "kept" stays; the image "image"
// goes with its referrer and its signature, and the index "index" with its children "a" and "b".
type guardStage struct {
	*repository
	tb    testing.TB
	names map[string]regret.Descriptor
	guard *plan.Guard
}

func newGuardStage(tb testing.TB) *guardStage {
	s := &guardStage{newRepository(), tb, make(map[string]regret.Descriptor), nil}
	s.put("kept", "latest")
	s.put("image", "pr-1")
	s.names["referrer"] = s.referrer("application/x", s.names["image"])
	s.put("signature", s.companion("image", ".sig"))
	s.put("a")
	s.put("b")
	s.list("index", "a b", "pr-2")
	return s
}

func (s *guardStage) put(name string, tags ...string) {
	s.names[name] = s.repository.image(name, 1, 1, tags...)
}

// list puts an index of manifests, which are named with spaces between them.
func (s *guardStage) list(name, entries string, tags ...string) {
	var listed []regret.Descriptor
	for entry := range strings.FieldsSeq(entries) {
		listed = append(listed, s.names[entry])
	}
	s.names[name] = s.repository.index(listed, tags...)
}

func (s *guardStage) refer(name, subject string, tags ...string) {
	s.names[name] = s.referrer("application/"+name, s.names[subject], tags...)
}

func (s *guardStage) companion(owner, suffix string) string {
	return companionOf(s.names[owner].Digest) + suffix
}

func (s *guardStage) move(tag, name string) { s.tags[tag] = s.names[name].Digest }

func (s *guardStage) use(lines ...string) {
	s.tb.Helper()
	if err := s.guard.Use([]*policy.InUse{nil, runningNow(s.tb, lines...)}, now); err != nil {
		s.tb.Fatal(err)
	}
}

// held returns the names of what the guard holds, sorted.
func (s *guardStage) held() string {
	var held []string
	for name, d := range s.names {
		if _, isHeld := s.guard.Holds(d.Digest); isHeld {
			held = append(held, name)
		}
	}
	slices.Sort(held)
	return strings.Join(held, " ")
}

// TestGuardRules has one row for each rule about what happened since the plan was made: what must
// stay now, and what the guard must read for that. Everything else still goes.
func TestGuardRules(t *testing.T) {
	t.Parallel()
	const (
		image = "image referrer signature"
		index = "a b index"
	)
	for name, test := range map[string]struct {
		change func(s *guardStage)
		held   string // besides what the plan keeps
		asked  string // what is read, in order
	}{
		"without news nothing stays": {func(*guardStage) {}, "", ""},

		"a new tag holds its image, and what refers to that": {func(s *guardStage) { s.move("v1", "image") }, image, ""},
		"a tag that the rules remove holds what it is moved onto": {func(s *guardStage) {
			s.move("pr-2", "image")
		}, image, ""},
		"the tag of an image that stays holds what it is moved onto":      {func(s *guardStage) { s.move("latest", "index") }, index, ""},
		"an index that stays holds what it lists":                         {func(s *guardStage) { s.move("v1", "index") }, index, ""},
		"a child under a new tag stays, and its index goes":               {func(s *guardStage) { s.move("v1", "a") }, "a", ""},
		"a referrer under a new tag holds its subject":                    {func(s *guardStage) { s.move("v1", "referrer") }, image, ""},
		"a signature under a new tag stays, and its image goes":           {func(s *guardStage) { s.move("v1", "signature") }, "signature", ""},
		"a tag of the trash holds what it points to":                      {func(s *guardStage) { s.move("regret-trash-20991231-0123abcd-0123456789ab", "index") }, index, ""},
		"a signature of something that stays stays":                       {func(s *guardStage) { s.move(s.companion("kept", ".sig"), "signature") }, "signature", ""},
		"a companion tag that is moved onto an image does not hold it":    {func(s *guardStage) { s.move(s.companion("index", ".sig"), "image") }, "", ""},
		"a new companion tag of what is nowhere holds what it is on":      {func(s *guardStage) { s.move(companionOf(digest.FromString("gone"))+".sig", "image") }, image, ""},
		"a tag that has moved away saves nothing":                         {func(s *guardStage) { s.put("new", "pr-1") }, "new", "new"},
		"a tag that was removed saves nothing":                            {func(s *guardStage) { delete(s.tags, "pr-1"); delete(s.tags, "pr-2") }, "", ""},
		"what the plan keeps stays without its tag":                       {func(s *guardStage) { delete(s.tags, "latest") }, "", ""},
		"a tag that leads nowhere holds nothing":                          {func(s *guardStage) { s.tags["v1"] = digest.FromString("nothing") }, "", "?"},
		"what a new index lists stays, and the index that listed it goes": {func(s *guardStage) { s.list("new", "a", "v1") }, "a new", "new"},
		"what an index in a new index lists stays": {func(s *guardStage) {
			s.list("inner", "a")
			s.list("new", "inner", "v1")
		}, "a inner new", "new inner"},
		"what two new tags point to is read once":                {func(s *guardStage) { s.list("new", "a", "v1", "v2") }, "a new", "new"},
		"a new referrer with a tag holds its subject":            {func(s *guardStage) { s.refer("new", "image", "v1") }, image + " new", "new"},
		"a new referrer of a referrer holds both subjects":       {func(s *guardStage) { s.refer("new", "referrer", "v1") }, image + " new", "new"},
		"a new referrer of an index holds it, and what it lists": {func(s *guardStage) { s.refer("new", "index", "v1") }, index + " new", "new"},
		"of what a new index lists, only indexes are read": {func(s *guardStage) {
			s.refer("new", "image")
			s.list("outer", "new", "v1")
		}, "new outer", "outer"},
		"an image that is there again holds what belongs to it": {func(s *guardStage) { s.guard.Back(s.names["image"].Digest) }, image, ""},
		"a child that is there again holds its index":           {func(s *guardStage) { s.guard.Back(s.names["a"].Digest) }, index, ""},
		"a tag in use holds its image":                          {func(s *guardStage) { s.use("registry.example.com/acme/app:pr-1") }, image, ""},
		"a tag in use holds what it pointed to, and what it does now": {func(s *guardStage) {
			s.move("pr-1", "index")
			s.use("registry.example.com/acme/app:pr-1")
		}, "a b image index referrer signature", ""},
		"a digest in use holds its image": {func(s *guardStage) { s.use(string(s.names["image"].Digest)) }, image, ""},
		"a child in use holds its index":  {func(s *guardStage) { s.use(string(s.names["a"].Digest)) }, index, ""},
		"a digest in use of another repository holds nothing": {func(s *guardStage) {
			s.use(string(digest.FromString("nothing")))
		}, "", "?"},
		"an index in use without a tag holds what it lists": {func(s *guardStage) {
			s.list("untagged", "a")
			s.use(string(s.names["untagged"].Digest))
		}, "a untagged", "untagged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newGuardStage(t)
			_, s.guard = s.repository.guard(t)
			test.change(s)
			var asked []string
			for _, dgst := range s.tell(t, s.guard) {
				asked = append(asked, s.nameOf(dgst))
			}
			if diff := cmp.Diff(strings.Fields(test.asked), asked, cmp.Transformer("", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
				t.Errorf("it reads (-want +got):\n%s", diff)
			}
			want := append(strings.Fields(test.held), "kept")
			slices.Sort(want)
			if diff := cmp.Diff(strings.Join(want, " "), s.held()); diff != "" {
				t.Errorf("it holds (-want +got):\n%s", diff)
			}
		})
	}
}

func (s *guardStage) nameOf(dgst regret.Digest) string {
	for name, d := range s.names {
		if d.Digest == dgst {
			return name
		}
	}
	return "?"
}

// TestGuardOfWhatThePlanDescribes puts new tags on what the plan describes: nothing is read again.
func TestGuardOfWhatThePlanDescribes(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(s *guardStage) string{
		"an image that goes":   func(*guardStage) string { return "image" },
		"a referrer that goes": func(*guardStage) string { return "referrer" },
		"a child that goes":    func(*guardStage) string { return "a" },
		"an image that stays":  func(*guardStage) string { return "kept" },
		"an index below one": func(s *guardStage) string {
			s.put("c")
			s.list("inner", "c")
			s.list("outer", "inner", "v0")
			return "inner"
		},
		"a referrer below an index": func(s *guardStage) string { s.refer("below", "image"); s.list("outer", "below", "v0"); return "below" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newGuardStage(t)
			tagged := build(s)
			_, s.guard = s.repository.guard(t)
			s.move("v9", tagged)
			if asked := s.tell(t, s.guard); len(asked) > 0 {
				t.Errorf("it reads %v", asked)
			}
			if held := strings.Fields(s.held()); !slices.Contains(held, tagged) {
				t.Errorf("it holds only %q", held)
			}
		})
	}
}

// TestGuardIsTold checks what the guard makes of single things that it is told.
func TestGuardIsTold(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(t *testing.T, s *guardStage){
		"a tag where it was is no news": func(t *testing.T, s *guardStage) {
			for tag, dgst := range s.tags {
				if s.guard.SetTag(tag, dgst) {
					t.Errorf("%s is news", tag)
				}
			}
		},
		"a tag elsewhere is news once": func(t *testing.T, s *guardStage) {
			if dgst := s.names["index"].Digest; !s.guard.SetTag("pr-1", dgst) || s.guard.SetTag("pr-1", dgst) {
				t.Error("it is not news, or news twice")
			}
		},
		"a tag that was removed is news when it is back": func(t *testing.T, s *guardStage) {
			s.guard.DropTag("pr-1")
			if _, there := s.guard.Tag("pr-1"); there || !s.guard.SetTag("pr-1", s.names["image"].Digest) {
				t.Error("it is there, or no news")
			}
			if held := s.held(); held != "kept" {
				t.Errorf("it holds %q", held)
			}
		},
		"a tag in use that was moved and then removed holds what it was planned on only": func(t *testing.T, s *guardStage) {
			s.guard.SetTag("pr-1", s.names["index"].Digest)
			s.guard.DropTag("pr-1")
			s.use("registry.example.com/acme/app:pr-1")
			if held := s.held(); held != "image kept referrer signature" {
				t.Errorf("it holds %q", held)
			}
		},
		"a digest in use that is not known yet holds nothing": func(t *testing.T, s *guardStage) {
			s.use(string(digest.FromString("elsewhere")))
			if held := s.held(); held != "kept" || !s.guard.NamesUnknown() {
				t.Errorf("it holds %q", held)
			}
		},
		"in-use lists of what the plan knows name nothing unknown": func(t *testing.T, s *guardStage) {
			s.use(string(s.names["a"].Digest), "registry.example.com/acme/app:pr-1")
			if s.guard.NamesUnknown() {
				t.Error("they do")
			}
		},
		"a configuration in use holds its image from then on": func(t *testing.T, s *guardStage) {
			config := digest.FromString("config")
			s.use(string(config))
			before := s.held()
			s.guard.Config(s.names["image"].Digest, config)
			if held := s.held(); before != "kept" || held != "image kept referrer signature" {
				t.Errorf("it holds %q, and before that %q", held, before)
			}
		},
		"what is there again is held for that reason": func(t *testing.T, s *guardStage) {
			s.guard.Back(s.names["image"].Digest)
			if reason, _ := s.guard.Holds(s.names["image"].Digest); reason.Text != "it is there again" {
				t.Errorf("it is held because %s", reason.Text)
			}
		},
		"an image that is there again does not hold an index that lists it": func(t *testing.T, s *guardStage) {
			s.put("tagged child", "pr-5")
			s.names["its index"] = s.repository.index([]regret.Descriptor{s.names["tagged child"]}, "pr-6")
			_, s.guard = s.repository.guard(t)
			s.guard.Back(s.names["tagged child"].Digest)
			if held := s.held(); held != "kept tagged child" {
				t.Errorf("it holds %q", held)
			}
		},
		"a tag is held as soon as what it belongs to is there again": func(t *testing.T, s *guardStage) {
			gone := digest.FromString("gone")
			s.move(companionOf(gone)+".sig", "kept")
			p, guard := s.repository.guard(t)
			for step := range p.Steps() {
				if step.Action != plan.Untag {
					continue
				}
				if reason, held := guard.HoldsTag(&step, step.Untag[0]); held {
					t.Errorf("it is held before: %s", reason.Text)
				}
				guard.Found(gone)
				if _, held := guard.HoldsTag(&step, step.Untag[0]); !held {
					t.Error("it is not held")
				}
			}
		},
		"a new tag is one of those of its manifest at once": func(t *testing.T, s *guardStage) {
			s.guard.SetTag("v1", s.names["image"].Digest)
			s.guard.DropTag("pr-1")
			if tags := s.guard.TagsOf(s.names["image"].Digest); !slices.Equal(tags, []string{"v1"}) {
				t.Errorf("it has the tags %q", tags)
			}
			s.guard.SetTag("v1", s.names["index"].Digest)
			if tags := s.guard.TagsOf(s.names["image"].Digest); len(tags) > 0 {
				t.Errorf("it still has the tags %q", tags)
			}
		},
		"a companion tag that goes alone is held as soon as its image is": func(t *testing.T, s *guardStage) {
			s.put("shared", s.companion("image", ".sbom"), s.companion("kept", ".sbom"))
			p, guard := s.repository.guard(t)
			guard.SetTag("v1", s.names["image"].Digest)
			n := 0
			for step := range p.Steps() {
				if step.Action != plan.Untag {
					continue
				}
				n++
				if _, held := guard.HoldsTag(&step, step.Untag[0]); !held {
					t.Errorf("%s is not held", step.Untag[0])
				}
			}
			if n != 1 {
				t.Errorf("%d steps take a tag off", n)
			}
		},
		"what the guard has never heard of is not held": func(t *testing.T, s *guardStage) {
			if reason, held := s.guard.Holds(digest.FromString("elsewhere")); held {
				t.Errorf("it is held because %s", reason.Text)
			}
		},
		"what several tags belong to is looked for once": func(t *testing.T, s *guardStage) {
			gone := digest.FromString("gone")
			s.put("orphan", companionOf(gone)+".sig", companionOf(gone)+".att")
			p, guard := s.repository.guard(t)
			for step := range p.Steps() {
				if presumed := guard.Presumed(&step); step.Digest == s.names["orphan"].Digest && !slices.Equal(presumed, []regret.Digest{gone}) {
					t.Errorf("it counts on %v", presumed)
				}
				if presumed := guard.Presumed(&step); step.Digest != s.names["orphan"].Digest && len(presumed) > 0 {
					t.Errorf("%v counts on %v", step.Tags, presumed)
				}
			}
		},
		"a list for one rule says nothing to another": func(t *testing.T, s *guardStage) {
			rules := strings.Replace(guardRules, `"running.txt"}`, `"running.txt"}, {"name": "mirrored", "file": "mirrored.txt", "registries": ["mirror.local"]}`, 1)
			mirrored, err := policy.ParseInUse("mirrored.txt", strings.NewReader("mirror.local/acme/app:latest"), now)
			if err != nil {
				t.Fatal(err)
			}
			p, err := s.planOf(rules, runningNow(t, "registry.example.com/acme/app:latest"), mirrored)
			if err != nil {
				t.Fatal(err)
			}
			if s.guard, err = p.Guard(); err != nil {
				t.Fatal(err)
			}
			s.use("registry.example.com/acme/app:latest", "mirror.local/acme/app:pr-1")
			if held := s.held(); held != "kept" {
				t.Errorf("it holds %q", held)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newGuardStage(t)
			_, s.guard = s.repository.guard(t)
			check(t, s)
		})
	}
}
