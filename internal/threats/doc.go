// Package threats proves what the client withstands: every way in which a
// registry, or whatever answers in its place, may be hostile or broken is a
// named case, played through the public API alone.
//
// Everything is in the tests. A case is a test function whose name is its
// identifier and a few words, TestThreatA01EndlessErrorBody; the identifiers
// never change:
//
//	A  bodies and their sizes      E  lists and their pages
//	B  digests                     G  cancellation
//	C  credentials and redirects   H  secrets in what is shown
//	D  deletions                   V  flaws that were published of such clients
//
// A case is played over several transports (in memory and in virtual time,
// HTTP/1.1, HTTP/2, without TLS) and by every operation that it can hit. Each of
// these is a scenario. Whether a scenario held is judged by what the other side
// saw and sent, not by what the client says of itself: which requests arrived,
// what is still stored, how many bytes were written before the client hung up.
//
//	go test ./internal/threats                      # all of them, in seconds
//	go test -v -run TestThreatA01 ./internal/threats  # one, with its scenarios
package threats
