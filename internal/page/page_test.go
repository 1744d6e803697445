package page_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/page"
)

// readTags reads a page of the tags of team/app.
func readTags(body io.Reader) (tags []string, err error) {
	form := page.Form{Key: "tags", Name: "team/app", Limit: 1 << 20}
	err = page.Read(body, form, page.String, func(tag string) error {
		tags = append(tags, tag)
		return nil
	})
	return tags, err
}

// nested returns n arrays, each in the one before.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestPages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for _, test := range []struct {
		rule, body string
		want       []string // the entries that are read, before the error if there is one
		malformed  bool
	}{
		{"an array of strings is a list", `{"tags":["a","b"]}`, []string{"a", "b"}, false},
		{"white space is allowed everywhere", " {\t\"tags\"\r: [ \"a\"\n, \"b\" ] }\n\n", []string{"a", "b"}, false},
		{"null is an empty list", `{"tags":null}`, nil, false},
		{"an empty array is an empty list", `{"tags":[ ]}`, nil, false},
		{"escapes are decoded", `{"tags":["\u00e4\"\\\/\b\f\n\r\t"]}`, []string{"ä\"\\/\b\f\n\r\t"}, false},
		{"UTF-8 is allowed", `{"tags":["größe"]}`, []string{"größe"}, false},
		{"an escaped key is the key", `{"\u0074ags":["a"]}`, []string{"a"}, false},
		{"a string may be longer than a buffer", `{"tags":["` + long + `","b"]}`, []string{long, "b"}, false},
		{"other members are skipped, whatever their values", `{"a":{"b":[1,-0.5e+7,0,true,false,null,"\u1234",{}]},"tags":["a"],"next":"z"}`, []string{"a"}, false},
		{"duplicate keys in a skipped member do not matter", `{"a":{"b":1,"b":2},"tags":["a"]}`, []string{"a"}, false},
		{"a member may be nested 9,999 levels deep", `{"a":` + nested(9_999) + `,"tags":["a"]}`, []string{"a"}, false},
		{"a key in another case is another key", `{"TAGS":["b"],"tags":["a"]}`, []string{"a"}, false},
		{"the name may agree", `{"name":"team/app","tags":["a"]}`, []string{"a"}, false},
		{"the name may follow the entries", `{"tags":["a"],"name":"team/app"}`, []string{"a"}, false},
		{"the name may lack a prefix", `{"name":"app","tags":["a"]}`, []string{"a"}, false},
		{"the name may have one prefix more", `{"name":"proxy/team/app","tags":["a"]}`, []string{"a"}, false},
		{"the name may be null", `{"name":null,"tags":["a"]}`, []string{"a"}, false},

		{"another name is an error", `{"name":"team/other","tags":["a"]}`, nil, true},
		{"a name with the same end in another component is an error", `{"name":"steam/app","tags":["a"]}`, nil, true},
		{"an empty name is an error", `{"name":"","tags":["a"]}`, nil, true},
		{"a name that is a number is an error", `{"name":1}`, nil, true},
		{"a name that is an object is an error", `{"name":{},"tags":["a"]}`, nil, true},
		{"a duplicate name is an error", `{"name":"team/app","name":"team/app","tags":["a"]}`, nil, true},
		{"a missing key is an error", `{}`, nil, true},
		{"a key in another case alone is an error", `{"Tags":["a"]}`, nil, true},
		{"a duplicate key is an error", `{"tags":["a"],"tags":["b"]}`, []string{"a"}, true},
		{"a duplicate key is an error after null", `{"tags":null,"tags":["b"]}`, nil, true},
		{"a duplicate key is an error where it is escaped", `{"tags":["a"],"\u0074ags":["b"]}`, []string{"a"}, true},
		{"an object in place of the array is an error", `{"tags":{"a":1}}`, nil, true},
		{"a string in place of the array is an error", `{"tags":"a"}`, nil, true},
		{"a number among the entries is an error", `{"tags":["a",1]}`, []string{"a"}, true},
		{"null among the entries is an error", `{"tags":["a",null]}`, []string{"a"}, true},
		{"an array among the entries is an error", `{"tags":["a",["b"]]}`, []string{"a"}, true},
		{"an object among the entries is an error", `{"tags":["a",{"b":"c"}]}`, []string{"a"}, true},
		{"invalid UTF-8 is an error", "{\"tags\":[\"a\xff\"]}", nil, true},
		{"invalid UTF-8 in a skipped member is an error", "{\"a\":\"\xff\",\"tags\":[]}", nil, true},
		{"half a surrogate pair is an error", `{"tags":["\ud800"]}`, nil, true},
		{"10,000 levels are an error", `{"a":` + nested(10_000) + `,"tags":[]}`, nil, true},
		{"10,000 levels among the entries are an error", `{"tags":[` + nested(10_000) + `]}`, nil, true},
		{"a body that is cut after an entry is an error", `{"tags":["a"`, []string{"a"}, true},
		{"a body that is cut in an entry is an error", `{"tags":["a`, nil, true},
		{"a body that is cut in a key is an error", `{"ta`, nil, true},
		{"a body that is cut after the array is an error", `{"tags":["a"]`, []string{"a"}, true},
		{"a second object is an error", `{"tags":["a"]} {}`, []string{"a"}, true},
		{"garbage after the object is an error", `{"tags":["a"]}x`, []string{"a"}, true},
		{"an array in place of the object is an error", `[]`, nil, true},
		{"null in place of the object is an error", `null`, nil, true},
		{"an empty body is an error", ``, nil, true},
		{"a body of white space is an error", ` `, nil, true},
		{"a comma too many is an error", `{"tags":["a",]}`, []string{"a"}, true},
		{"a comma too few is an error", `{"tags":["a" "b"]}`, []string{"a"}, true},
		{"a missing comma between members is an error", `{"a":1 "b":2}`, nil, true},
		{"a missing colon is an error", `{"a" 1}`, nil, true},
		{"the wrong bracket is an error", `{"tags":["a"}`, []string{"a"}, true},
		{"the wrong bracket at the end is an error", `{"tags":["a"]]`, []string{"a"}, true},
		{"a key that is a number is an error", `{1:2}`, nil, true},
		{"a key that is a number is an error in a skipped member", `{"a":{1:2}}`, nil, true},
		{"a line break in a string is an error", "{\"tags\":[\"a\nb\"]}", nil, true},
		{"an unknown escape is an error", `{"a":"\x"}`, nil, true},
		{"a number with a leading zero is an error", `{"a":01}`, nil, true},
		{"an unknown literal is an error", `{"a":nul}`, nil, true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for how, body := range map[string]io.Reader{
				"at once":               strings.NewReader(test.body),
				"byte by byte":          iotest.OneByteReader(strings.NewReader(test.body)),
				"with data and its end": iotest.DataErrReader(strings.NewReader(test.body)),
			} {
				got, err := readTags(body)
				if errors.Is(err, page.ErrMalformed) != test.malformed || !test.malformed && err != nil {
					t.Errorf("%s: error %v", how, err)
				}
				if err != nil && len(err.Error()) > 300 {
					t.Errorf("%s: an error of %d bytes", how, len(err.Error()))
				}
				if errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s: the error looks like that of a broken connection: %v", how, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

func TestNameIsSkippedUnlessItIsWanted(t *testing.T) {
	t.Parallel()
	const body = `{"name":1,"repositories":["a"],"name":2}`
	form := page.Form{Key: "repositories", Limit: 100}
	if err := page.Read(strings.NewReader(body), form, page.String, func(string) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestErrorOfTakeEndsTheList(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	taken := 0
	err := page.Read(strings.NewReader(`{"tags":["a","b","c`), page.Form{Key: "tags", Limit: 100}, page.String, func(string) error {
		if taken++; taken == 2 {
			return stopped
		}
		return nil
	})
	if err != stopped || taken != 2 {
		t.Errorf("%d entries were taken: %v", taken, err)
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	type value struct{ A, B string }
	for _, test := range []struct {
		rule, entries string
		want          []value
		kind          error
	}{
		{"objects are decoded, and unknown members ignored", `{"a":"x"}, {"b":"y","c":[1]}`, []value{{A: "x"}, {B: "y"}}, nil},
		{"null is the zero value", `null`, []value{{}}, nil},
		{"a value of another type is an error", `{"a":"x"},1`, []value{{A: "x"}}, page.ErrMalformed},
		{"a member of another type is an error", `{"a":` + strings.Repeat("1", 10_000) + `}`, nil, page.ErrMalformed},
		{"a duplicate key is an error", `{"a":"x","a":"y"}`, nil, page.ErrMalformed},
		{"a duplicate key is an error in a nested object", `{"c":[{"d":1,"d":2}]}`, nil, page.ErrMalformed},
		{"a value that is cut is an error", `{"a":`, nil, page.ErrMalformed},
		{"a value of 1 MiB is decoded", `{"c":"` + strings.Repeat("x", page.MaxValue-len(`{"c":""}`)) + `"}`, []value{{}}, nil},
		{"a longer value is too large", `{"c":"` + strings.Repeat("x", page.MaxValue-len(`{"c":""}`)+1) + `"}`, nil, page.ErrTooLarge},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var got []value
			body := iotest.HalfReader(strings.NewReader(`{"manifests":[` + test.entries + `]}`))
			err := page.Read(body, page.Form{Key: "manifests", Limit: 2 << 20}, page.Value[value], func(v value) error {
				got = append(got, v)
				return nil
			})
			if !errors.Is(err, test.kind) || err != nil && len(err.Error()) > 300 {
				t.Errorf("error %v, want %v", err, test.kind)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// readWithMap reads a page whose map is "manifest". It returns the elements of the array, and of
// each member its key and value.
func readWithMap(body io.Reader) (entries []string, err error) {
	member := func(key string, d *jsontext.Decoder) (string, error) {
		if key == "skip" {
			return key, d.SkipValue()
		}
		value, err := page.String(d)
		return key + "=" + value, err
	}
	form := page.Form{Key: "tags", Map: "manifest", Name: "team/app", Limit: 1 << 20}
	err = page.ReadWithMap(body, form, page.String, member, func(entry string) error {
		entries = append(entries, entry)
		return nil
	})
	return entries, err
}

func TestPagesWithAMap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, body string
		want       []string
		malformed  bool
	}{
		{"members and elements are entries, in the order of the page", `{"manifest":{"a":"b","c":"d"},"tags":["e"]}`, []string{"a=b", "c=d", "e"}, false},
		{"the map may follow the array", `{"tags":["e"],"name":"team/app","manifest":{"a":"b"}}`, []string{"e", "a=b"}, false},
		{"the map may be missing", `{"tags":["e"]}`, []string{"e"}, false},
		{"the map may be null", `{"manifest":null,"tags":["e"]}`, []string{"e"}, false},
		{"the map may be empty", `{"manifest":{ },"tags":["e"]}`, []string{"e"}, false},
		{"white space is allowed everywhere", "{ \"manifest\" : {\n\"a\"\t: \"b\" , \"c\":\"d\" } , \"tags\":[]}", []string{"a=b", "c=d"}, false},
		{"an array is not the map", `{"manifest":["a",{"b":1}],"tags":["e"]}`, []string{"e"}, false},
		{"a string is not the map", `{"manifest":"a","tags":["e"]}`, []string{"e"}, false},
		{"a key in another case is not the map", `{"Manifest":{"a":"b"},"tags":["e"]}`, []string{"e"}, false},
		{"keys are decoded", `{"m\u0061nifest":{"\u0061":"b"},"tags":[]}`, []string{"a=b"}, false},
		{"a value may be skipped", `{"manifest":{"skip":[{"a":1}],"a":"b"},"tags":[]}`, []string{"skip", "a=b"}, false},
		{"duplicate keys in the map are for the caller to judge", `{"manifest":{"a":"b","a":"c"},"tags":[]}`, []string{"a=b", "a=c"}, false},

		{"a second map is an error", `{"manifest":{"a":"b"},"manifest":{"c":"d"},"tags":[]}`, []string{"a=b"}, true},
		{"a second map is an error after null", `{"manifest":null,"manifest":{"c":"d"},"tags":[]}`, nil, true},
		{"a map does not replace the array", `{"manifest":{"a":"b"}}`, []string{"a=b"}, true},
		{"a value that cannot be decoded is an error", `{"manifest":{"a":"b","c":7},"tags":[]}`, []string{"a=b"}, true},
		{"a map that is cut after a key is an error", `{"manifest":{"a"`, nil, true},
		{"a map that is cut in a value is an error", `{"manifest":{"a":"b`, nil, true},
		{"a map that is cut after a value is an error", `{"manifest":{"a":"b"`, []string{"a=b"}, true},
		{"a map that is cut at its end is an error", `{"manifest":{"a":"b"}`, []string{"a=b"}, true},
		{"a key that is a number is an error", `{"manifest":{1:"b"},"tags":[]}`, nil, true},
		{"a comma too many is an error", `{"manifest":{"a":"b",},"tags":[]}`, []string{"a=b"}, true},
		{"the wrong bracket is an error", `{"manifest":{"a":"b"],"tags":[]}`, []string{"a=b"}, true},
		{"invalid UTF-8 in a key is an error", "{\"manifest\":{\"\xff\":\"b\"},\"tags\":[]}", nil, true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for how, body := range map[string]io.Reader{
				"at once": strings.NewReader(test.body), "byte by byte": iotest.OneByteReader(strings.NewReader(test.body)),
			} {
				got, err := readWithMap(body)
				if errors.Is(err, page.ErrMalformed) != test.malformed || !test.malformed && err != nil {
					t.Errorf("%s: error %v", how, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", how, diff)
				}
			}
		})
	}
	t.Run("Read skips the map", func(t *testing.T) {
		t.Parallel()
		form := page.Form{Key: "tags", Map: "manifest", Limit: 100}
		body := strings.NewReader(`{"manifest":{"a":7},"manifest":1,"tags":["e"]}`)
		if err := page.Read(body, form, page.String, func(string) error { return nil }); err != nil {
			t.Error(err)
		}
	})
	t.Run("an error of take ends the page", func(t *testing.T) {
		t.Parallel()
		stopped, taken := errors.New("stopped"), 0
		form := page.Form{Key: "tags", Map: "manifest", Limit: 100}
		member := func(key string, d *jsontext.Decoder) (string, error) { return key, d.SkipValue() }
		err := page.ReadWithMap(strings.NewReader(`{"manifest":{"a":1,"b":2,"c`), form, page.String, member, func(string) error {
			if taken++; taken == 2 {
				return stopped
			}
			return nil
		})
		if err != stopped || taken != 2 {
			t.Errorf("%d entries were taken: %v", taken, err)
		}
	})
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		``:                                 "malformed list: the body is empty",
		`{}`:                               `malformed list: no key "tags"`,
		`<html>`:                           "malformed list: invalid character '<' at start of value after 0 bytes",
		`{"tags":["a"`:                     "malformed list: unexpected EOF after 12 bytes",
		`{"tags":[1]}`:                     "malformed list: number in place of a string",
		`{"tags":"a"}`:                     "malformed list: string in place of [",
		`{"tags":[],"tags":[]}`:            `malformed list: duplicate key "tags"`,
		`{"tags":[]}{}`:                    "malformed list: data after the JSON object",
		`{"name":"team/other"}`:            `malformed list: it belongs to "team/other"`,
		fmt.Sprintf(`{"x":"%01048576d`, 0): "a page of the list is too large: it exceeds the limit of 1048576 bytes",
	} {
		if _, err := readTags(strings.NewReader(body)); err == nil || err.Error() != want {
			t.Errorf("%.40s: %v\nwant %s", body, err, want)
		}
	}
}
