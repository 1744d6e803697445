package transport

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	storage = "https://storage.example.net"
	path    = "/v2/team/app/tags/list"
)

func TestRedirectsOfReads(t *testing.T) {
	t.Parallel()
	to := func(location string) step { return respond(307, "moved", "Location", location) }
	done := respond(200, "")
	for _, test := range []struct {
		rule  string
		steps []step
		want  []string // URLs that were asked for, with "*" where Authorization was sent
		text  string   // of the error; empty means success
	}{
		{"within the registry credentials stay", []step{to("/elsewhere?x=y"), done}, []string{registryURL + path + "*", registryURL + "/elsewhere?x=y*"}, ""},
		{"the registry may be spelled otherwise", []step{to("https://REGISTRY.example.com:443/a"), done}, []string{registryURL + path + "*", "https://REGISTRY.example.com:443/a*"}, ""},
		{"a relative path is resolved", []step{to("other"), done}, []string{registryURL + path + "*", registryURL + "/v2/team/app/tags/other*"}, ""},
		{"another host gets no credentials", []step{to(storage + "/a?sig=1"), done}, []string{registryURL + path + "*", storage + "/a?sig=1"}, ""},
		{"another port gets no credentials", []step{to(registryURL + ":8443/a"), done}, []string{registryURL + path + "*", registryURL + ":8443/a"}, ""},
		{"a subdomain gets no credentials", []step{to("https://cdn.registry.example.com/a"), done}, []string{registryURL + path + "*", "https://cdn.registry.example.com/a"}, ""},
		{"credentials stay off once the chain has left", []step{to(storage + "/a"), to(registryURL + "/b"), done}, []string{registryURL + path + "*", storage + "/a", registryURL + "/b"}, ""},
		{"a bucket's name may contain an underscore", []step{to("https://a_b.example.net/a"), done}, []string{registryURL + path + "*", "https://a_b.example.net/a"}, ""},
		{"three redirects are followed", []step{to("/1"), to("/2"), to("/3"), done}, []string{registryURL + path + "*", registryURL + "/1*", registryURL + "/2*", registryURL + "/3*"}, ""},
		{"four are not", []step{to("/1"), to("/2"), to("/3"), to("/4"), done}, []string{registryURL + path + "*", registryURL + "/1*", registryURL + "/2*", registryURL + "/3*"}, "more than 3 redirects"},
		{"https is never left", []step{to("http://registry.example.com/a")}, []string{registryURL + path + "*"}, "from https to http at registry.example.com"},
		{"another scheme is refused", []step{to("file:///etc/passwd")}, []string{registryURL + path + "*"}, `to the scheme "file"`},
		{"user information is refused", []step{to("https://ann:secret@storage.example.net/a")}, []string{registryURL + path + "*"}, "to a URL with user information"},
		{"an invalid host is refused", []step{to("https://2130706433/a")}, []string{registryURL + path + "*"}, "to an invalid host"},
		{"no host is refused", []step{to("https:///a")}, []string{registryURL + path + "*"}, "to an invalid host"},
		{"no Location is refused", []step{to("")}, []string{registryURL + path + "*"}, "no Location"},
		{"a malformed Location is refused", []step{to("https://[::1/c4n4ry")}, []string{registryURL + path + "*"}, "malformed Location"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(test.rule+", "+method, func(t *testing.T) {
				t.Parallel()
				s := newServer(test.steps...)
				r := get()
				r.Method = method
				r.Authorization = &authorization{first: "Bearer c4n4ry"}
				resp, failure := newClient(s).Do(t.Context(), r)
				got := []string{}
				for _, sent := range s.requests() {
					line := strings.TrimPrefix(sent.Line, method+" ")
					if sent.Authorization != "" {
						line += "*"
					}
					got = append(got, line)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if test.text == "" {
					if failure != nil {
						t.Fatalf("%+v", failure)
					}
					resp.Body.Close()
					return
				}
				fault, ok := errors.AsType[*Fault](failure.Err)
				if !ok || fault.Problem != Redirected || fault.Error() != test.text || failure.StatusCode != 307 || failure.Attempts != 1 || failure.Ambiguous {
					t.Errorf("%+v", failure)
				}
			})
		}
	}
}

func TestEveryRedirectOfAWriteIsRefused(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodDelete, http.MethodPut, http.MethodPost} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			s := newServer(respond(status, "", "Location", "/elsewhere"))
			r := get() // even if it may be repeated
			r.Method = method
			f := refuse(t, t.Context(), newClient(s), r)
			fault, ok := errors.AsType[*Fault](f.Err)
			if !ok || fault.Problem != Redirected || f.StatusCode != status || f.Ambiguous || len(s.requests()) != 1 {
				t.Errorf("%s %d: %+v", method, status, f)
			}
		}
	}
}

func TestOtherStatusesOfTheirClassAreNoRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 304, 305, 306} {
		s := newServer(respond(status, "", "Location", "/elsewhere"))
		if f := refuse(t, t.Context(), newClient(s), get()); f.Err != nil || f.StatusCode != status || len(s.requests()) != 1 {
			t.Errorf("%d: %+v", status, f)
		}
	}
}

func TestARefusalAfterARedirectNamesWhereItCameFrom(t *testing.T) {
	t.Parallel()
	auth := &authorization{answers: []string{"Bearer a"}}
	s := newServer(respond(302, "", "Location", storage+"/a?X-Signature=c4n4ry"), respond(401, "who are you?"))
	r := get()
	r.Authorization = auth
	f := refuse(t, t.Context(), newClient(s), r)
	if f.URL != storage+"/a" || f.StatusCode != 401 || string(f.Body) != "who are you?" {
		t.Errorf("%+v", f)
	}
	if auth.said != nil {
		t.Error("another server's challenge was answered")
	}
}

func TestEveryAttemptStartsAtTheRegistry(t *testing.T) {
	t.Parallel()
	s := newServer(respond(302, "", "Location", storage+"/a"), respond(500, ""), respond(302, "", "Location", storage+"/b"), respond(200, ""))
	resp := succeed(t, newClient(s, withRetries(atOnce)), get())
	want := []string{"GET " + registryURL + path, "GET " + storage + "/a", "GET " + registryURL + path, "GET " + storage + "/b"}
	if diff := cmp.Diff(want, s.lines()); diff != "" || resp.Attempts != 2 {
		t.Errorf("%d attempts, requests (-want +got):\n%s", resp.Attempts, diff)
	}
}

func TestARedirectWithoutAResponseIsRetried(t *testing.T) {
	t.Parallel()
	s := newServer(respond(302, "", "Location", storage+"/a"), fail(errReset), respond(200, ""))
	succeed(t, newClient(s, withRetries(atOnce)), get())
	if diff := cmp.Diff([]string{"GET " + registryURL + path, "GET " + storage + "/a", "GET " + registryURL + path}, s.lines()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
