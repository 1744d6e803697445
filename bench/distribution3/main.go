// Command distribution3 is the second server of the benchmarks: distribution 3
// with its storage in memory and deletion enabled, in plain HTTP. It is told
// what to hold and asked what it counted as package registry's own server is.
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

// run serves until in ends. It writes the [registry.Address] to out.
func run(in io.Reader, out io.Writer) error {
	s := &server{}
	public, err := listen(&http.Server{Handler: http.HandlerFunc(s.counted), ConnState: s.connState})
	if err != nil {
		return err
	}
	private, err := listen(&http.Server{Handler: http.HandlerFunc(s.uncounted)})
	if err != nil {
		return err
	}
	s.fill = filler{base: "http://" + private.Addr, client: &http.Client{}}
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
	s.fill.client.CloseIdleConnections()
	for _, server := range []*http.Server{public, private, control} {
		err = errors.Join(err, server.Shutdown(context.Background()))
	}
	return err
}

// listen serves on loopback, at the address that the server then names.
func listen(server *http.Server) (*http.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server.Addr = l.Addr().String()
	go server.Serve(l) // returns when the server is shut down
	return server, nil
}
