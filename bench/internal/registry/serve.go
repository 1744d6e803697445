package registry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
)

// A Protocol is a protocol between client and registry.
type Protocol string

// The protocols. Each has its own port.
const (
	HTTP  Protocol = "HTTP"
	HTTPS Protocol = "TLS, HTTP/1.1"
	H2    Protocol = "TLS, HTTP/2"
)

// Protocols returns all protocols.
func Protocols() []Protocol { return []Protocol{HTTP, HTTPS, H2} }

// A Kind is a kind of registry.
type Kind string

// The kinds: the fast, minimal one of this package, and a real one.
const (
	Minimal       Kind = ""
	Distribution3 Kind = "distribution 3" // plain HTTP, anonymous
)

// An Address holds the addresses of a running registry.
type Address struct {
	Hosts   map[Protocol]string // 127.0.0.1 and a port
	Control string              // URL of the control endpoint
	CA      string              // certificate of the TLS ports, in PEM
}

// Serve runs the registry until in reaches its end, and so no longer than the process that holds the
// other end of it. It writes its [Address] to out as one line of JSON.
func Serve(in io.Reader, out io.Writer) error {
	cert, ca, err := selfSignedCertificate()
	if err != nil {
		return err
	}
	s := newServer()
	address := Address{Hosts: make(map[Protocol]string), CA: string(ca)}
	var servers []*http.Server
	for _, protocol := range Protocols() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		address.Hosts[protocol] = l.Addr().String()
		servers = append(servers, s.listen(l, protocol, cert))
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address.Control = "http://" + control.Addr().String()
	servers = append(servers, serve(&http.Server{Handler: s.control()}, control, false))
	if err := json.NewEncoder(out).Encode(address); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(context.Background()))
	}
	return err
}

// listen serves the registry over one protocol.
func (s *server) listen(l net.Listener, protocol Protocol, cert tls.Certificate) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // for clients that do not offer HTTP/2
	protocols.SetHTTP2(protocol == H2)
	return serve(&http.Server{
		Handler:   s,
		ConnState: s.connState,
		Protocols: protocols,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		ErrorLog:  log.New(io.Discard, "", 0), // drop errors of clients that try HTTPS on the plain HTTP port
	}, l, protocol != HTTP)
}

func serve(server *http.Server, l net.Listener, encrypted bool) *http.Server {
	go func() {
		if encrypted {
			server.ServeTLS(l, "", "") // returns when the server is shut down
		} else {
			server.Serve(l)
		}
	}()
	return server
}

// control returns the handler of the control endpoint, which the benchmarks use to configure the
// server and to read its counts. Requests to it are not counted.
func (s *server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, r *http.Request) {
		var settings Settings
		if err := json.NewDecoder(r.Body).Decode(&settings); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.reset(settings)
	})
	mux.HandleFunc("POST /revoke", func(http.ResponseWriter, *http.Request) { s.revoke() })
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(s.counts())
	})
	return mux
}
