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

// A Protocol is how the registry is spoken to.
type Protocol string

// The protocols, each on a port of its own.
const (
	HTTP  Protocol = "HTTP"
	HTTPS Protocol = "TLS, HTTP/1.1"
	H2    Protocol = "TLS, HTTP/2"
)

// Protocols are all of them.
func Protocols() []Protocol { return []Protocol{HTTP, HTTPS, H2} }

// A Kind is which registry answers.
type Kind string

// The kinds: this package's own, as fast as can be, and a real one.
const (
	Minimal       Kind = ""
	Distribution3 Kind = "distribution 3" // plain HTTP, anonymous
)

// An Address is where a served registry can be found.
type Address struct {
	Hosts   map[Protocol]string // 127.0.0.1 and a port
	Control string              // URL of the control endpoint
	CA      string              // PEM, of the TLS ports
}

// Serve runs the registry until in ends, and so at the latest with the process
// that holds the other end. It writes its [Address] to out, as one line of JSON.
func Serve(in io.Reader, out io.Writer) error {
	cert, ca, err := certificate()
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

// listen serves the registry by one protocol.
func (s *server) listen(l net.Listener, protocol Protocol, cert tls.Certificate) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // for clients that do not offer HTTP/2
	protocols.SetHTTP2(protocol == H2)
	return serve(&http.Server{
		Handler:   s,
		ConnState: s.connState,
		Protocols: protocols,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		ErrorLog:  log.New(io.Discard, "", 0), // of clients that try https on the port for http
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

// control is the endpoint by which whoever measures sets the server up and
// reads its counts. Its own requests are not counted.
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
