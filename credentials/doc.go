// Package credentials finds the login for a registry: in the files that docker login and podman
// login write, in credential helpers, or in a [Source] of the caller's own.
//
// It reads files and environment variables and runs helper programs. It never speaks to a registry,
// and it knows nothing about authentication challenges, token services or requests: the client
// decides where a [Credential] is sent.
//
// Invariants:
//
//   - A failure never makes a caller anonymous. A file that cannot be read and a helper that fails
//     are errors, and no other source or file takes their place. Only a source that has nothing for
//     a registry returns the zero Credential.
//   - A credential from a file or a helper is returned only for the host it was stored for, port
//     included. Docker Hub's names count as one host.
//   - No error, and no printed, logged or marshalled form of a credential or of a source of this
//     package, contains a secret. Nothing that a helper prints is ever shown.
//   - Every credential that comes from a file or a helper passes [Credential.Validate].
package credentials
