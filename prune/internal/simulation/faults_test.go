package simulation

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"syscall"
)

// A fault is something that goes wrong with one request.
type fault struct {
	kind   faultKind
	late   bool // the registry serves the request first
	status int
	wait   int // seconds, of Retry-After
}

type faultKind string

const (
	refused     faultKind = "refused" // there is no connection
	reset       faultKind = "reset"
	hang        faultKind = "hang"
	serverError faultKind = "server error"
	tooMany     faultKind = "too many requests"
	denied      faultKind = "denied"
	readOnly    faultKind = "read-only"
	cut         faultKind = "cut off" // the response ends early
	garbage     faultKind = "garbage" // a page of something else
)

func drawFault(rng *rand.Rand, isWrite bool) fault {
	f := fault{late: rng.IntN(2) == 0, status: pick(rng, 500, 502, 503, 504), wait: 1 + rng.IntN(40)}
	kinds := []faultKind{refused, reset, reset, reset, hang, serverError, serverError, serverError, tooMany, tooMany}
	if isWrite {
		kinds = append(kinds, reset, reset)
		if rng.IntN(10) == 0 {
			kinds = []faultKind{denied, readOnly}
		}
	} else {
		kinds = append(kinds, cut, garbage)
	}
	f.kind = pick(rng, kinds...)
	switch f.kind {
	case tooMany, denied, readOnly, refused:
		f.late = false
	case cut, garbage:
		f.late = true
	}
	return f
}

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
)

// instead returns what the client gets in place of the response of the registry, if anything.
func (f fault) instead(req *http.Request) (*http.Response, error) {
	switch f.kind {
	case reset:
		return nil, errReset
	case serverError:
		return answer(req, f.status, "text/html", "<html>something went wrong</html>"), nil
	case tooMany:
		resp := answer(req, http.StatusTooManyRequests, "application/json", `{"errors":[{"code":"TOOMANYREQUESTS","message":"not now"}]}`)
		resp.Header.Set("Retry-After", fmt.Sprint(f.wait))
		return resp, nil
	case denied:
		return answer(req, http.StatusForbidden, "application/json", `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`), nil
	case readOnly:
		resp := answer(req, http.StatusMethodNotAllowed, "text/plain", "Method not allowed")
		resp.Header.Set("Allow", "GET, HEAD")
		return resp, nil
	}
	return nil, nil
}

// damage returns what is left of a response on its way.
func (f fault) damage(resp *http.Response) (*http.Response, error) {
	switch f.kind {
	case cut:
		if resp.Request.Method == http.MethodHead {
			return nil, errReset
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), failing{}))
	case garbage:
		return answer(resp.Request, http.StatusOK, "text/html", "<html>welcome to the hotel</html>"), nil
	}
	return resp, nil
}

// failing fails as the body of a response does whose connection was closed.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func answer(req *http.Request, status int, mediaType, body string) *http.Response {
	resp := &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {mediaType}}, ContentLength: int64(len(body)), Request: req,
		Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
	if req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp
}
