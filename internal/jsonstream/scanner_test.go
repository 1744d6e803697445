package jsonstream_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/jsonstream"
)

// read reads {"tags":[…]} as a list is read, and all other members with skip.
func read(r io.Reader) (tags []string, err error) {
	s := jsonstream.NewScanner(r)
	err = s.Object(func(key string) error {
		if key != "tags" {
			return s.Skip()
		}
		if null, err := s.Null(); err != nil || null {
			return err
		}
		return s.Array(func() error {
			tag, err := s.String()
			tags = append(tags, tag)
			return err
		})
	})
	if err == nil {
		err = s.End()
	}
	return tags, err
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for _, test := range []struct {
		rule, document string
		want           []string
		malformed      bool
	}{
		{"strings", `{"tags":["a","b"]}`, []string{"a", "b"}, false},
		{"white space everywhere", " {\t\"tags\"\r: [ \"a\"\n, \"b\" ] }\n\n", []string{"a", "b"}, false},
		{"nothing", `{}`, nil, false},
		{"null", `{"tags":null}`, nil, false},
		{"an empty array", `{"tags":[ ]}`, nil, false},
		{"escapes", `{"tags":["\u00e4\"\\\/\b\f\n\r\t"]}`, []string{"ä\"\\/\b\f\n\r\t"}, false},
		{"other scripts", `{"tags":["größe"]}`, []string{"größe"}, false},
		{"what is no UTF-8 is replaced", "{\"tags\":[\"a\xff\"]}", []string{"a\ufffd"}, false},
		{"an escaped key", `{"\u0074ags":["a"]}`, []string{"a"}, false},
		{"a string longer than the buffer", `{"tags":["` + long + `","b"]}`, []string{long, "b"}, false},
		{"values of every kind are passed over", `{"a":{"b":[1,-0.5e+7,0,true,false,null,"\u1234",{}]},"tags":["a"]}`, []string{"a"}, false},
		{"what is nested a hundred times is passed over", `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"tags":["a"]}`, []string{"a"}, false},
		{"deeper than that is not", `{"a":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}`, nil, true},
		{"no end", `{"tags":["a"`, []string{"a"}, true},
		{"no end of a string", `{"tags":["a`, []string{""}, true},
		{"more after the end", `{} {}`, nil, true},
		{"a comma too many", `{"tags":["a",]}`, []string{"a", ""}, true},
		{"a comma too few", `{"tags":["a" "b"]}`, []string{"a"}, true},
		{"no comma between members", `{"a":1 "b":2}`, nil, true},
		{"no colon", `{"a" 1}`, nil, true},
		{"another bracket", `{"tags":["a"}`, []string{"a"}, true},
		{"a key that is none", `{1:2}`, nil, true},
		{"a key that is none, in what is passed over", `{"a":{1:2}}`, nil, true},
		{"an element that is no string", `{"tags":[1]}`, []string{""}, true},
		{"a line break in a string", "{\"tags\":[\"a\nb\"]}", []string{""}, true},
		{"an escape that is none", `{"a":"\x"}`, nil, true},
		{"an escape without four digits", `{"a":"\u12g4"}`, nil, true},
		{"a number that is none", `{"a":01}`, nil, true},
		{"a number without digits", `{"a":-}`, nil, true},
		{"a number that ends in a point", `{"a":1.}`, nil, true},
		{"a number without an exponent", `{"a":1e+}`, nil, true},
		{"a word that is none", `{"a":nul}`, nil, true},
		{"not an object", `[]`, nil, true},
		{"nothing at all", ``, nil, true},
		{"only white space", ` `, nil, true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]io.Reader{
				"at once":      strings.NewReader(test.document),
				"byte by byte": iotest.OneByteReader(strings.NewReader(test.document)),
				"with the end": iotest.DataErrReader(strings.NewReader(test.document)),
			} {
				got, err := read(r)
				if errors.Is(err, jsonstream.ErrMalformed) != test.malformed || !test.malformed && err != nil {
					t.Errorf("%s: error %v", name, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	type value struct{ A, B string }
	var got []value
	s := jsonstream.NewScanner(iotest.HalfReader(strings.NewReader(`[{"a":"x"}, {"b":"y","c":[1]}]`)))
	err := s.Array(func() error {
		var v value
		err := s.Decode(&v)
		got = append(got, v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]value{{A: "x"}, {B: "y"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for rule, document := range map[string]string{
		"a value of another kind": `[1]`,
		"no value":                `[`,
		"a value that is cut off": `[{"a":`,
	} {
		s := jsonstream.NewScanner(strings.NewReader(document))
		if err := s.Array(func() error { return s.Decode(new(value)) }); !errors.Is(err, jsonstream.ErrMalformed) {
			t.Errorf("%s: error %v", rule, err)
		}
	}
}

// An endless string ends at the limit; an endless stream of white space costs no memory.
func TestLimits(t *testing.T) {
	t.Parallel()
	counted := &counter{r: io.MultiReader(strings.NewReader(`{"tags":["`), endless('x'))}
	if _, err := read(counted); !errors.Is(err, jsonstream.ErrTooLong) || counted.n > 2*jsonstream.MaxValue {
		t.Errorf("after %d bytes: %v", counted.n, err)
	}
	blank := &counter{r: io.MultiReader(io.LimitReader(endless(' '), 100<<20), strings.NewReader(`{"tags":["a"]}`))}
	if tags, err := read(blank); err != nil || len(tags) != 1 {
		t.Errorf("after %d bytes: %v, %q", blank.n, err, tags)
	}
}

func TestErrorsOfTheReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is dead")
	const document = `{"a":[1.5,"b\u1234",{"c":null}],"tags":["x","y"]}`
	for n := range len(document) {
		_, err := read(io.MultiReader(strings.NewReader(document[:n]), iotest.ErrReader(broken)))
		if err != broken {
			t.Errorf("after %q: %v", document[:n], err)
		}
	}
	if _, err := read(idle{}); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// What is read is what encoding/json reads, whatever the pieces in which it comes.
func FuzzScanner(f *testing.F) {
	for _, document := range []string{
		`{"tags":["a","b"]}`, `{"name":"x","tags":null}`, `{"tags":["\u00e4\ud83d\ude00",""],"z":[1e9,{"y":[]}]}`, "{\"tags\":[\"\xff\"]}", `{"tags":[`, ` {} `,
		`{"a":-0.0E-1,"tags":[]}`, `{"a":"\ud800"}`, `{"tags":["a"]}x`,
	} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document string) {
		got, err := read(strings.NewReader(document))
		pieces, errOfPieces := read(iotest.OneByteReader(strings.NewReader(document)))
		if (err == nil) != (errOfPieces == nil) || !cmp.Equal(got, pieces) {
			t.Fatalf("in pieces %q, %v; at once %q, %v", pieces, errOfPieces, got, err)
		}
		if err != nil {
			if !errors.Is(err, jsonstream.ErrMalformed) {
				t.Fatalf("a foreign error: %v", err)
			}
			return
		}
		if !json.Valid([]byte(document)) {
			t.Fatal("accepted what is not JSON")
		}
		var members map[string]json.RawMessage
		if strings.Count(document, "tags") != 1 || strings.Contains(document, `\u00`) { // perhaps the key twice
			return
		}
		if err := json.Unmarshal([]byte(document), &members); err != nil || members["tags"] == nil {
			return
		}
		var want []string
		if err := json.Unmarshal(members["tags"], &want); err == nil && len(want)+len(got) > 0 && !cmp.Equal(want, got) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}
