// Package threats tests the client against hostile and broken servers. Every way in which a
// registry, or a server in its place, may misbehave is a named case that uses only the public API.
//
// The package contains only tests. A case is a test function that is named after an identifier and
// a short description, such as TestThreatA01EndlessErrorBody. The identifiers never change:
//
//	A  bodies and their sizes      E  lists and their pages
//	B  digests                     G  cancellation
//	C  credentials and redirects   H  secrets in errors and logs
//	D  deletions                   V  published vulnerabilities of similar clients
//
// Each case runs over several transports (in memory with virtual time, HTTP/1.1, HTTP/2, plain HTTP)
// and with every operation that it can affect. Each combination is a scenario. A scenario is judged
// by what the server saw and not by what the client reports: which requests arrived, what is still
// stored, how many bytes were written before the client hung up.
//
//	go test ./internal/threats                        # all cases, in seconds
//	go test -v -run TestThreatA01 ./internal/threats  # one case, with its scenarios
package threats
