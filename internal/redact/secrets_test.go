package redact_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// password is spelled differently in a query, in a path and in JSON.
const password = `c4n4ry+/=&"%p4 ss<\>`

// secrets returns a set of the given values.
func secrets(values ...string) *redact.Secrets {
	s := new(redact.Secrets)
	s.Add(values...)
	return s
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule       string
		secrets    []string
		text, want string
	}{
		{"without secrets a text stays as it is", nil, "denied", "denied"},
		{"a text without a secret stays as it is", []string{"hunter2"}, "hunter 2", "hunter 2"},
		{"a secret is replaced wherever it is", []string{"hunter2"}, "hunter2, xhunter2hunter2x", "[redacted], x[redacted][redacted]x"},
		{"a plain secret is replaced", []string{password}, "a " + password + " b", "a [redacted] b"},
		{"a secret escaped for a query is replaced", []string{password}, `a=c4n4ry%2B%2F%3D%26%22%25p4+ss%3C%5C%3E&b`, "a=[redacted]&b"},
		{"a secret escaped for a path is replaced", []string{password}, `/c4n4ry+%2F=&%22%25p4%20ss%3C%5C%3E/b`, "/[redacted]/b"},
		{"a secret quoted in JSON is replaced", []string{password}, `"c4n4ry+/=&\"%p4 ss<\\>"`, `"[redacted]"`},
		{"a secret quoted in JSON for HTML is replaced", []string{password}, `"c4n4ry+/=\u0026\"%p4 ss\u003c\\\u003e"`, `"[redacted]"`},
		{"a secret escaped in part is replaced", []string{"a/b!c d"}, `/x/a/b%21c%20d/y`, "/x/[redacted]/y"},
		{"a secret escaped with small letters is replaced", []string{"a/b!c d"}, `a%2fb!c%20d`, "[redacted]"},
		{"a secret with every byte escaped is replaced", []string{"hunter"}, `/%68%75%6E%74%65%72`, "/[redacted]"},
		{"a secret with escaped slashes in JSON is replaced", []string{"a/b/c"}, `"a\/b\/c"`, `"[redacted]"`},
		{"a secret in ASCII in JSON is replaced", []string{"k\u00fcchen\U0001f600"}, `"k\u00FCchen\ud83d\ude00"`, `"[redacted]"`},
		{"a secret with a plus for each space is replaced", []string{"correct horse*battery"}, `password=correct+horse%2abattery`, "password=[redacted]"},
		{"a secret of a form is replaced", []string{"correct horse*battery"}, `password=correct+horse*battery`, "password=[redacted]"},
		{"what is no escape stays as it is", []string{"hunter"}, `100% \x \u12 %zz %`, `100% \x \u12 %zz %`},
		{"a secret of four bytes is replaced", []string{"abcd"}, "abcd", "[redacted]"},
		{"a secret of three bytes is not replaced", []string{"abc"}, "abc", "abc"},
		{"an empty secret is not replaced", []string{""}, "abc", "abc"},
		{"a secret is replaced once, although it begins with another", []string{"hunter2", "hunter22", "unter"}, "hunter22", "[redacted]"},
		{"secrets that overlap are replaced together", []string{"abcdef", "defghi"}, "abcdefghi, defghi", "[redacted], [redacted]"},
		{"a secret that overlaps itself is replaced whole", []string{"aaaa"}, "baaaaaab", "b[redacted]b"},
		{"a secret does not change the placeholder of another", []string{"hunter2", "dact"}, "hunter2", "[redacted]"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := secrets(tt.secrets...).Redact(tt.text); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRedactCut(t *testing.T) {
	t.Parallel()
	const token = "c4n4rytoken"
	for _, tt := range []struct{ rule, text, want string }{
		{"an empty text stays empty", "", ""},
		{"a text without a secret stays as it is", "denied", "denied"},
		{"a whole secret is replaced", "a " + token + " b", "a [redacted] b"},
		{"the beginning of a secret is replaced at the end", "a c4n4rytoke", "a [redacted]"},
		{"the shortest beginning is replaced at the end", "a c4n4", "a [redacted]"},
		{"a shorter beginning is not replaced", "a c4n", "a c4n"},
		{"the beginning of a secret is not replaced before the end", "c4n4ry b", "c4n4ry b"},
		{"the longest of two beginnings is replaced", "a xyc4n4ry", "a [redacted]"},
		{"the beginning of an escaped secret is replaced at the end", "a p%2Fq%3", "a [redacted]"},
		{"the beginning of a secret is replaced before an escape that was cut", "a c4n4%72yto%", "a [redacted]"},
		{"and before one of JSON", `a c4n4ryto\u00`, "a [redacted]"},
		{"the beginning of a secret that overlaps another is replaced with it", "a endc4n4ry", "a [redacted]"},
		{"a text that is shorter than the secret can be its beginning", "c4n4ryt", "[redacted]"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := secrets(token, "xyc4n4ry4", "p/q?r", "endc4n").RedactCut(tt.text, 4); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAddKeepsTheLatestSecrets(t *testing.T) {
	t.Parallel()
	name := func(i int) string { return fmt.Sprintf("secret-%05d;", i) }
	t.Run("the oldest of more than 1,024 is dropped", func(t *testing.T) {
		t.Parallel()
		s := new(redact.Secrets)
		for i := range 1025 {
			s.Add(name(i))
		}
		if got, want := s.Redact(name(0)+name(1)+name(1024)), name(0)+"[redacted][redacted]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("a secret that is added again becomes the latest", func(t *testing.T) {
		t.Parallel()
		s := new(redact.Secrets)
		for i := range 1024 {
			s.Add(name(i))
		}
		s.Add(name(0))
		s.Add(name(1024))
		if got, want := s.Redact(name(0)+name(1)+name(2)), "[redacted]"+name(1)+"[redacted]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("the oldest beyond 4 MiB are dropped", func(t *testing.T) {
		t.Parallel()
		s := secrets("oldest-secret")
		for i := range 4 {
			s.Add(strings.Repeat(strconv.Itoa(i), 1<<20))
		}
		if got, want := s.Redact("oldest-secret "+strings.Repeat("1", 1<<20)), "oldest-secret [redacted]"; got != want {
			t.Errorf("got %.50s, want %s", got, want)
		}
	})
}

func TestRedactError(t *testing.T) {
	t.Parallel()
	failure := errors.New("a failure")
	secret := errors.New("hunter2")
	for _, tt := range []struct {
		rule  string
		err   error
		want  string
		is    []error // what it still wraps
		isNot []error // what it no longer wraps
	}{
		{"an error without a secret stays as it is", failure, "a failure", []error{failure}, nil},
		{"an error with a secret keeps only its redacted text", fmt.Errorf("%w: %w", failure, secret), "a failure: [redacted]", nil, []error{failure, secret}},
		{"a URL in an error is redacted", errors.New("https://a@b/c?d"), "https://…@b/c?…", nil, nil},
		{"a cancellation is kept", fmt.Errorf("%w: %w", secret, context.Canceled), "[redacted]: context canceled: context canceled",
			[]error{context.Canceled}, []error{secret, context.DeadlineExceeded}},
		{"the end of a deadline is kept", fmt.Errorf("%w: %w", secret, context.DeadlineExceeded),
			"[redacted]: context deadline exceeded: context deadline exceeded", []error{context.DeadlineExceeded}, []error{secret, context.Canceled}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got := secrets("hunter2").RedactError(tt.err)
			if got.Error() != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			for _, target := range tt.is {
				if !errors.Is(got, target) {
					t.Errorf("%v is no longer %v", got, target)
				}
			}
			for _, target := range tt.isNot {
				if errors.Is(got, target) {
					t.Errorf("%v is still %v", got, target)
				}
			}
		})
	}
	t.Run("no error stays no error", func(t *testing.T) {
		t.Parallel()
		if err := secrets("hunter2").RedactError(nil); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

func TestSecretsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var s redact.Secrets
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 200 {
				secret := fmt.Sprintf("secret-%d-%d;", g, i)
				s.Add(secret)
				if got := s.Redact(url.QueryEscape(secret)); got != "[redacted]" {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	group.Wait()
}
