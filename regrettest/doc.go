// Package regrettest is an OCI registry inside the process, for tests of programs that talk to
// registries: of those that use regret, and of any other client.
//
//	reg := regrettest.New()
//	image := reg.PutImage("team/app", regrettest.Image{Created: lastWeek}, "1.2.0", "latest")
//	// … run the code under test with reg as its transport …
//	reg.HasManifest("team/app", image.Digest) // what is stored
//	reg.Writes()                              // what the code under test tried to change
//
// # Reaching it
//
// A [Registry] is an [http.RoundTripper]: as the transport of a client it needs no socket, answers
// under every host name over http and https, and works inside a bubble of testing/synctest.
// [Registry.Start] serves it on the loopback interface for clients that want an address. It is also
// an [http.Handler], for a server of your own, such as that of [net/http/httptest.NewTLSServer].
//
// # What it does
//
// Without options it does what the distribution specification 1.1 says: pull, push, content
// discovery and content management, with sha256 and sha512, and the catalog of distribution. A
// [Profile] makes it behave as a registry in use, with what that does unlike the specification:
// which deletions it refuses, what else goes with a deletion, how it pages its lists. Options switch
// off deletion, lock tags and require credentials. A [Fault] makes single requests fail.
//
// What it stores it keeps in memory. The Put methods store content without a request and without
// checking it, so that content can be broken on purpose. The same arguments always result in the
// same bytes, and so in the same digests.
//
// # Invariants
//
//   - It opens no connection, and listens only after Start, on the loopback interface.
//   - It reads no clock except for the lifetime of tokens.
//   - It starts no goroutine that outlives its request or, after Start, the server's Close.
//   - It is safe for concurrent use.
package regrettest
