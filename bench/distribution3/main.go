// Command distribution3 is the second server of the benchmarks: distribution 3 over plain HTTP, with
// storage in memory and deletion enabled. It has the same control endpoint as the server of package
// registry.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

func main() {
	logrus.SetOutput(io.Discard)
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "distribution3:", err)
		os.Exit(1)
	}
}

// run serves until in reaches its end. It writes the [registry.Address] to out.
func run(in io.Reader, out io.Writer) error {
	s := &server{}
	public, err := listen(&http.Server{Handler: http.HandlerFunc(s.serveCounted), ConnState: s.connState})
	if err != nil {
		return err
	}
	private, err := listen(&http.Server{Handler: http.HandlerFunc(s.serveUncounted)})
	if err != nil {
		return err
	}
	s.client = registryClient{base: "http://" + private.Addr, http: &http.Client{}}
	control, err := listen(&http.Server{Handler: s.control()})
	if err != nil {
		return err
	}
	address := registry.Address{
		Hosts:   map[registry.Protocol]string{registry.HTTP: public.Addr},
		Control: "http://" + control.Addr,
	}
	if err := json.NewEncoder(out).Encode(address); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	s.client.http.CloseIdleConnections()
	for _, server := range []*http.Server{public, private, control} {
		err = errors.Join(err, server.Shutdown(context.Background()))
	}
	return err
}

// listen serves on the loopback interface and sets the Addr of the server.
func listen(server *http.Server) (*http.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server.Addr = l.Addr().String()
	go server.Serve(l) // returns when the server is shut down
	return server, nil
}
