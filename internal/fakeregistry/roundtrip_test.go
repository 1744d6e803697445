package fakeregistry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// roundTripGet sends a GET request through rt.
func roundTripGet(t *testing.T, rt http.RoundTripper, ctx context.Context, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rt.RoundTrip(req)
}

// observed holds the properties of a request that a handler sees, or those of a response that a
// caller sees. They must not depend on the transport.
type observed struct {
	Method, Path, Query, URI, Proto, Host, Body string
	Length                                      int64
	Encoding                                    []string
	Header                                      http.Header
}

func TestRoundTripperPassesRequestsLikeAServer(t *testing.T) {
	t.Parallel()
	requests := map[string]func(base string) (*http.Request, error){
		"a body of known length": func(base string) (*http.Request, error) {
			return http.NewRequest("PUT", base+"/a%2Fb/c?x=1&y=%20", strings.NewReader("hello"))
		},
		"a body of unknown length": func(base string) (*http.Request, error) {
			return http.NewRequest("POST", base+"/", struct{ io.Reader }{strings.NewReader("hello")})
		},
		"no body": func(base string) (*http.Request, error) {
			return http.NewRequest("DELETE", base+"/v2/a/manifests/sha256:abc", nil)
		},
		"another Host header field": func(base string) (*http.Request, error) {
			req, err := http.NewRequest("GET", base+"/v2/", nil)
			req.Host = "other.example.com"
			return req, err
		},
	}
	for name, newRequest := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got [2]observed
			record := func(i int) http.Handler {
				return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err != nil {
						t.Error(err)
					}
					r.Header.Del("Accept-Encoding") // net/http's transport adds it
					host := r.Host
					if i == 0 && !strings.Contains(host, "other") {
						host = "registry"
					}
					got[i] = observed{r.Method, r.URL.Path, r.URL.RawQuery, r.RequestURI, r.Proto, host, string(body),
						r.ContentLength, r.TransferEncoding, r.Header}
				})
			}
			srv := httptest.NewServer(record(0))
			defer srv.Close()
			for _, target := range []struct {
				base string
				rt   http.RoundTripper
			}{{srv.URL, srv.Client().Transport}, {"http://registry", fakeregistry.RoundTripper(record(1))}} {
				req, err := newRequest(target.base)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := target.rt.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Errorf("handler sees (-socket +roundtrip):\n%s", diff)
			}
		})
	}
}

func TestRoundTripperReturnsResponsesLikeATransport(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 10_000)
	handlers := map[string]http.HandlerFunc{
		"nothing":      func(http.ResponseWriter, *http.Request) {},
		"a short body": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "short") },
		"a long body":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, big) },
		"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"accepted":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) },
		"an explicit type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "a/b")
			fmt.Fprint(w, "{}")
		},
		"not modified":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) },
		"an error":                    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 404) },
		"a header field set too late": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.Header().Set("X-Late", "1") },
		"a known length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000")
			fmt.Fprint(w, big)
		},
		"a body that is flushed": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "one")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "two")
		},
	}
	for name, handler := range handlers {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				srv := httptest.NewServer(handler)
				defer srv.Close()
				var got [2]observed
				for i, target := range []struct {
					base string
					rt   http.RoundTripper
				}{{srv.URL, srv.Client().Transport}, {"http://registry", fakeregistry.RoundTripper(handler)}} {
					req, err := http.NewRequestWithContext(t.Context(), method, target.base, nil)
					if err != nil {
						t.Fatal(err)
					}
					resp, err := target.rt.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					if resp.Request != req {
						t.Error("response without its request")
					}
					body, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if resp.Header.Get("Date") == "" {
						t.Error("no Date")
					}
					resp.Header.Del("Date")
					got[i] = observed{Method: resp.Status, Proto: resp.Proto, Body: string(body), Length: resp.ContentLength,
						Encoding: resp.TransferEncoding, Header: resp.Header}
				}
				if diff := cmp.Diff(got[0], got[1]); diff != "" {
					t.Errorf("caller sees (-socket +roundtrip):\n%s", diff)
				}
			})
		}
	}
}

func TestRoundTripHonoursContext(t *testing.T) {
	t.Parallel()
	t.Run("while it waits for the response header", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			defer cancel()
			start := time.Now()
			_, err := roundTripGet(t, reg, ctx, "https://r/v2/")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want deadline exceeded", err)
			}
			if d := time.Since(start); d != 7*time.Second {
				t.Errorf("took %v, want 7s", d)
			}
		})
	})
	t.Run("while it reads the body", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Drip(200, nil, "x", time.Second))
			ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
			defer cancel()
			resp, err := roundTripGet(t, reg, ctx, "https://r/v2/")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if string(body) != "xxxx" || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("read %q, %v; want xxxx and deadline exceeded", body, err)
			}
		})
	})
	t.Run("before it sends anything", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := roundTripGet(t, reg, ctx, "https://r/v2/"); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want canceled", err)
		}
		if got := reg.Requests(); len(got) != 0 {
			t.Errorf("requests %v, want none", got)
		}
	})
	t.Run("while the handler waits for the request body", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reader, writer := io.Pipe() // only the transport closes it
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "PUT", "https://r/v2/a/manifests/v1", reader)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fakeregistry.New().RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want deadline exceeded", err)
			}
			if _, err := io.WriteString(writer, "x"); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the body was not closed: %v", err)
			}
		}) // the bubble ends only when no goroutine is left
	})
}

func TestClosingTheBodyEndsTheHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
			"flood": fakeregistry.Flood(200, nil),
			"drip":  fakeregistry.Drip(200, nil, "x", time.Hour),
		} {
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/"), fault)
			resp, err := roundTripGet(t, reg, t.Context(), "https://r/v2/")
			if err != nil {
				t.Fatal(err)
			}
			if n, err := resp.Body.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Errorf("%s: read %d, %v; want a byte", name, n, err)
			}
			resp.Body.Close()
			synctest.Wait()
			if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
				t.Errorf("%s: a closed body can be read", name)
			}
		}
	})
}

func TestRoundTripLeavesNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the bubble ends only when no goroutine is left
		ctx := context.WithoutCancel(t.Context()) // the context must not end the handlers
		reg := fakeregistry.New()
		reg.PutImage("a", "x", "v1")
		reg.PutManifest("a", "big", "application/x", make([]byte, 100_000))
		for _, path := range []string{"/v2/a/manifests/v1", "/v2/a/manifests/nope", "/v2/a/manifests/big"} {
			resp, err := roundTripGet(t, reg, ctx, "https://r"+path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		// A response that fits into the buffer need not be closed.
		if _, err := roundTripGet(t, reg, ctx, "https://r/v2/a/manifests/v1"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRoundTripRejectsInvalidRequests(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	for name, change := range map[string]func(*http.Request){
		"another scheme":           func(r *http.Request) { r.URL.Scheme = "file" },
		"no host":                  func(r *http.Request) { r.URL.Host = "" },
		"no url":                   func(r *http.Request) { r.URL = nil },
		"a line break in a header": func(r *http.Request) { r.Header.Set("Authorization", "Bearer a\r\nX: y") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), "GET", "https://r/v2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			change(req)
			if _, err := reg.RoundTrip(req); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestRoundTripCallsTraceHooks(t *testing.T) {
	t.Parallel()
	reset := func(r *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool { return r.LoseRequest() }
	for _, test := range []struct {
		name  string
		fault func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool
		want  string
		err   error
	}{
		{"a response reports a connection, the request and the first byte", nil, "conn wrote byte", nil},
		{"a lost connection reports the request as written", reset, "conn wrote", syscall.ECONNRESET},
		{"a refused connection reports only a failed dial", func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Refuse()
		}, "failed", syscall.ECONNREFUSED},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var events []string
			note := func(s string) { events = append(events, s) }
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GotConn:              func(httptrace.GotConnInfo) { note("conn") },
				WroteRequest:         func(httptrace.WroteRequestInfo) { note("wrote") },
				GotFirstResponseByte: func() { note("byte") },
				ConnectDone:          func(string, string, error) { note("failed") },
			})
			reg := fakeregistry.New()
			if test.fault != nil {
				reg.Intercept(0, fakeregistry.On("", "/"), test.fault(reg))
			}
			resp, err := roundTripGet(t, reg, ctx, "https://r/v2/")
			if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if err == nil {
				resp.Body.Close()
			} else if _, ok := errors.AsType[*net.OpError](err); !ok {
				t.Errorf("error %T, want *net.OpError", err)
			}
			if diff := cmp.Diff(test.want, strings.Join(events, " ")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
