package registry

import (
	"net"
	"net/http"
	"sync/atomic"
)

// Counts holds what the server counted since it was last reset.
type Counts struct {
	Connections int64 // opened to the registry
	Requests    int64 // including those to the token service
	Reads       int64 // HEAD and GET of manifests
	Deletes     int64 // DELETE of manifests
	Deleted     int64 // manifests deleted by them
	Lists       int64 // pages of tags
	Tokens      int64 // requests to the token service
	Challenges  int64 // responses with status 401
}

type counters struct {
	connections, requests, reads, deletes, deleted, lists, tokenRequests, challenges atomic.Int64
}

func (c *counters) all() []*atomic.Int64 {
	return []*atomic.Int64{&c.connections, &c.requests, &c.reads, &c.deletes, &c.deleted, &c.lists, &c.tokenRequests, &c.challenges}
}

func (c *counters) reset() {
	for _, n := range c.all() {
		n.Store(0)
	}
}

func (c *counters) counts() Counts {
	return Counts{
		Connections: c.connections.Load(),
		Requests:    c.requests.Load(),
		Reads:       c.reads.Load(),
		Deletes:     c.deletes.Load(),
		Deleted:     c.deleted.Load(),
		Lists:       c.lists.Load(),
		Tokens:      c.tokenRequests.Load(),
		Challenges:  c.challenges.Load(),
	}
}

// connState counts a connection when it is accepted, whether or not it ever
// carries a request.
func (c *counters) connState(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		c.connections.Add(1)
	}
}
