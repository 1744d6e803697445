package regret_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

func TestRepeatedPageCountsOnce(t *testing.T) {
	t.Parallel()
	tags := make([]string, 1000)
	for i := range tags {
		tags[i] = fmt.Sprintf(`"t%d"`, i)
	}
	limits := regret.DefaultLimits()
	limits.Entries = len(tags)
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, `{"tags":[`+strings.Join(tags, ",")+`]}`), nil
	}), regret.WithLimits(limits))
	n := 0
	for _, err := range c.Tags(t.Context(), repo) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(tags) {
		t.Errorf("%d tags, want %d", n, len(tags))
	}
}

func TestEmptyPageBetweenRepeatedPages(t *testing.T) {
	t.Parallel()
	pages := 0
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		pages++
		next := fmt.Sprintf(`<%s?page=%d>; rel="next"`, req.URL.Path, pages)
		switch pages {
		case 1:
			return respond(req, http.StatusOK, `{"tags":["a","b"]}`, "Link", next), nil
		case 2:
			return respond(req, http.StatusOK, `{"tags":[]}`, "Link", next), nil
		}
		return respond(req, http.StatusOK, `{"tags":["a","b"]}`), nil
	}))
	var last error
	for _, err := range c.Tags(t.Context(), repo) {
		last = err
	}
	wantErr(t, last, regret.ErrIncompleteList)
}
