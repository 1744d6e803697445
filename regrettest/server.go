package regrettest

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Server serves a [Registry] on the loopback interface.
type Server struct {
	URL  string // "http://127.0.0.1:" and the port
	Host string // "127.0.0.1:" and the port, as references to images begin

	http        *http.Server
	served      chan struct{} // closed when Serve has returned
	connections sync.WaitGroup
}

// Start serves the registry over HTTP on a free port of the loopback interface. The caller must
// close the server. For TLS or another address, pass the registry as handler to a server of your
// own.
func (r *Registry) Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("regrettest: start a server: %w", err)
	}
	host := listener.Addr().String()
	s := &Server{URL: "http://" + host, Host: host, served: make(chan struct{})}
	s.http = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute, ConnState: s.count}
	go func() {
		defer close(s.served)
		s.http.Serve(listener) // returns when Close closes the listener
	}()
	return s, nil
}

// count counts the connections that are served.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew: // in the goroutine of Serve, before that of the connection
		s.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.connections.Done()
	}
}

// Close closes the server and all its connections, which ends requests that hang, and waits until
// none is served any more. It may be called more than once.
func (s *Server) Close() {
	s.http.Close()
	<-s.served
	s.connections.Wait()
}
