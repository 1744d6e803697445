package graph_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
)

// parse reads a repository, a manifest a line: its name, then what it is and has.
//
//	tag             an ordinary tag that no rule removes
//	wanted          an ordinary tag, and the manifest is selected
//	selected        selected without a tag
//	explicit        selected by name, with each of its tags
//	trash           a tag that stays whatever goes
//	orphan          a companion tag that a rule removes, because what it belongs to is gone
//	used            in use
//	missing         not in the registry
//	lists=a,b       an index of these
//	subject=a       a referrer of it
//	companion=a,b   a companion tag that belongs to these
func parse(t *testing.T, text string) (r repository, names []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		names = append(names, strings.Fields(line)[0])
	}
	numbers := func(list string) (ms []int) {
		for name := range strings.SplitSeq(list, ",") {
			m := slices.Index(names, name)
			if m < 0 {
				t.Fatalf("there is no manifest %q", name)
			}
			ms = append(ms, m)
		}
		return ms
	}
	for _, line := range lines {
		m := slow.Node{Subject: slow.NoSubject}
		for _, word := range strings.Fields(line)[1:] {
			word, list, _ := strings.Cut(word, "=")
			switch word {
			case "tag", "wanted":
				m.Tags = append(m.Tags, slow.Tag{Kind: slow.Ordinary})
				m.Selected = word == "wanted"
			case "selected":
				m.Selected = true
			case "explicit":
				m.Selected, m.Explicit = true, true
			case "trash":
				m.Tags = append(m.Tags, slow.Tag{Kind: slow.Fixed})
			case "orphan":
				m.Tags = append(m.Tags, slow.Tag{Kind: slow.Taken})
			case "used":
				m.InUse = true
			case "missing":
				m.Missing = true
			case "lists":
				m.Lists = numbers(list)
			case "subject":
				m.Subject = numbers(list)[0]
			case "companion":
				m.Tags = append(m.Tags, slow.Tag{Kind: slow.Companion, Of: numbers(list)})
			default:
				t.Fatalf("%q says nothing of a manifest", word)
			}
		}
		r.Nodes = append(r.Nodes, m)
	}
	return r, names
}

func TestWhatGoes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, manifests, goes string }{
		// Where it begins.
		{"what is selected goes", "A wanted\nB wanted", "A B"},
		{"what is not selected stays", "A tag\nB wanted", "B"},
		{"what a selected index lists goes with it", "X wanted lists=p,q\np\nq", "X p q"},
		{"what a selected index lists goes at any depth", "X wanted lists=n\nn lists=o\no lists=p\np", "X n o p"},
		{"what refers to it by its subject goes with it", "A wanted\nr subject=A", "A r"},
		{"what refers to it by a companion tag goes with it", "A wanted\ns companion=A", "A s"},
		{"what refers to what goes with it goes, at any depth", "X wanted lists=p\np\nr subject=p\ns companion=r\nc companion=s", "X p r s c"},
		{"what a referrer lists goes with it", "A wanted\nr subject=A lists=p\np", "A r p"},
		{"what is missing is not deleted", "X wanted lists=p,q\np missing\nq", "X q"},
		{"what is missing leads nowhere", "X wanted lists=p\np missing lists=q\nq\nr subject=p", "X"},
		{"a selected manifest without a tag takes along what it lists", "n selected lists=p\np", "n p"},
		{"what is named goes although its subject stays", "A tag\nr explicit subject=A", "r"},
		{"what is named goes although what its companion tags belong to stays", "A tag\nB tag\ns explicit companion=A companion=B", "s"},
		{"what belongs to what is named goes with it", "A tag\ns explicit companion=A\nr subject=s", "s r"},
		{"what is named stays where an index that stays lists it", "A tag\nX tag lists=r\nr explicit subject=A", ""},
		{"what is named stays where a tag stays that belongs to nothing", "A tag\ns explicit companion=A trash", ""},
		{"what is named and in use stays", "A tag\nr explicit subject=A used", ""},
		{"what is selected and missing counts for nothing", "A wanted missing\nr subject=A", ""},

		// Rule 1: tags and use.
		{"a manifest stays under a tag that no rule removes", "X wanted lists=p,q\np tag\nq", "X q"},
		{"a manifest stays under a trash tag", "A wanted trash\nB wanted", "B"},
		{"what has a trash tag holds what it lists", "Z trash lists=p\nX wanted lists=p,q\np\nq", "X q"},
		{"a companion tag of what stays holds an image that is selected", "A tag\nB wanted companion=A", ""},
		{"a manifest stays under a companion tag of what is gone", "G missing\nA wanted\ns companion=G companion=A", "A"},
		{"the tag of an orphan does not hold it once a rule removes it", "s selected orphan", "s"},
		{"an orphan under a companion tag of what goes goes with it", "A wanted\ns orphan companion=A", "A s"},
		{"what is in use stays", "A wanted used\nB wanted", "B"},
		{"an index above what is in use stays, at any depth", "X wanted lists=n\nn lists=p\np used\nB wanted", "B"},
		{"an index above what is in use stays only if nothing between them is missing", "X wanted lists=n\nn missing lists=p\np used", "X"},
		{"what is in use elsewhere holds nothing", "A used tag\nB wanted", "B"},

		// Rule 2: what an index lists.
		{"a child that two indexes share stays with the one that stays", "X tag lists=p,q\nY wanted lists=p,r\np\nq\nr", "Y r"},
		{"a selected child stays while its index does", "X tag lists=p\np wanted\nB wanted", "B"},
		{"an index that nothing is about holds what it lists", "u lists=p\nX wanted lists=p,q\np\nq", "X q"},
		{"a list of referrers that stays holds its entries", "A tag\nB wanted\nf companion=A lists=r\nr subject=B", ""},

		// Rule 3: what refers to what stays.
		{"a signature stays with the shared child that it signs", "X tag lists=p\nY wanted lists=p,q\np\nq\nrp subject=p\nrq subject=q", "Y q rq"},
		{"a signature under a companion tag stays with what it signs", "X tag lists=p\nY wanted lists=p,q\np\nq\nsp companion=p\nsq companion=q", "Y q sq"},
		{"a referrer that is selected stays while its subject does", "A tag\nr wanted subject=A", ""},
		{"a subject that is gone is none", "G missing\nr wanted subject=G", "r"},

		// Rule 4: what is referred to.
		{"an SBOM under a tag of its own holds its image", "A wanted\nr tag subject=A\nB wanted", "B"},
		{"a signature of an SBOM holds the SBOM and its image", "A wanted\nb subject=A\ns tag subject=b\no subject=A", ""},
		{"a referrer in use holds its subject", "A wanted\nr used subject=A\nB wanted", "B"},
		{"a companion tag does not hold what it belongs to", "A wanted\ns tag companion=A", "A"},

		// Rule 5: indexes of what stays.
		{"a selected child that stays holds its index", "X wanted lists=p,q\np wanted\nq\nr tag subject=p\nB wanted", "B"},
		{"a child without a tag that stays holds its index", "X wanted lists=p,q\np\nq\nr tag subject=p\nB wanted", "B"},
		{"a child with a tag that no rule removes does not hold its index", "X wanted lists=p,q\np tag\nq", "X q"},
		{"a child that another index holds does not hold its index", "X tag lists=p\nY wanted lists=p\np\nr tag subject=p", "Y"},
		{"a child in an index that stays, but was selected, holds its other index", "X wanted used lists=p\nY wanted lists=p,q\np\nq\nB wanted", "B"},
		{"an index that is missing holds no child", "G missing lists=p\nX wanted lists=p\np\nr tag subject=p", ""},

		// Tags of what is taken out.
		{"what is taken out keeps its companions", "A wanted\nr tag subject=A\ns companion=A", ""},
		{"what a companion tag points to goes only if all that it belongs to goes", "A wanted\nB tag\ns companion=A companion=B", "A"},
		{"what images share under companion tags goes with the last of them", "A wanted\nB wanted\ns companion=A companion=B", "A B s"},
		{"a companion tag that belongs to two stays with either", "A wanted\nB tag\ns companion=A,B", "A"},
		{"an empty list of referrers is one manifest for all images", "A wanted\nB tag\nC wanted\nf companion=A companion=B companion=C", "A C"},
		{"companions of each other go together", "A wanted\ns companion=A companion=c\nc companion=s", "A s c"},
		{"a companion of itself holds nothing", "A wanted companion=A", "A"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, names := parse(t, test.manifests)
			result := r.graph(inOrder(r), 0).Solve()
			var goes []string
			for m, name := range names {
				if result.Goes(graph.ID(m)) {
					goes = append(goes, name)
				}
			}
			if got := strings.Join(goes, " "); got != sortedLike(names, test.goes) {
				t.Errorf("%s goes, want %s", got, test.goes)
			}
		})
	}
}

func sortedLike(names []string, list string) string {
	return strings.Join(slices.SortedFunc(strings.FieldsSeq(list), func(a, b string) int {
		return cmp.Compare(slices.Index(names, a), slices.Index(names, b))
	}), " ")
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, manifests, of string
		rule                graph.Rule
		by                  string
	}{
		{"its own tag", "X wanted lists=p\np tag", "p", graph.Tagged, "p"},
		{"a companion tag, because of what it belongs to", "A tag\nB wanted companion=A", "B", graph.Tagged, "A"},
		{"its own use", "A wanted used", "A", graph.Used, "A"},
		{"use of what it lists", "X wanted lists=p\np used", "X", graph.Used, "p"},
		{"use further below", "X wanted lists=n\nn lists=p\np used", "X", graph.Used, "n"},
		{"an index", "X tag lists=p\np wanted", "p", graph.Listed, "X"},
		{"its subject", "A tag\nr wanted subject=A", "r", graph.SubjectStays, "A"},
		{"a referrer", "A wanted\nr tag subject=A", "A", graph.ReferrerStays, "r"},
		{"a child", "X wanted lists=p\np\nr tag subject=p", "X", graph.ListsWhatStays, "p"},
		{"the nearest cause", "A wanted\nr subject=A\ns subject=r tag", "A", graph.ReferrerStays, "r"},
		{"the first rule of several", "X tag lists=A\nA wanted used trash", "A", graph.Tagged, "A"},
		{"the first manifest of several", "A wanted\nr tag subject=A\ns tag subject=A", "A", graph.ReferrerStays, "r"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, names := parse(t, test.manifests)
			result := r.graph(inOrder(r), 0).Solve()
			rule, by := result.Reason(graph.ID(slices.Index(names, test.of)))
			if rule != test.rule || names[by] != test.by {
				t.Errorf("%s stays by rule %d because of %s, want %d because of %s", test.of, rule, names[by], test.rule, test.by)
			}
		})
	}
}
