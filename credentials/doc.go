// Package credentials finds the login for a registry: in the files that docker login and podman
// login write, in credential helpers, or in a [Source] of the caller's own.
//
// It reads files and environment variables and runs helper programs. It never speaks to a registry,
// and it knows nothing about authentication challenges, token services or requests: the client
// decides where a [Credential] is sent.
//
// Invariants:
//
//   - A failure never makes a caller anonymous. A file that cannot be read, a malformed entry for the
//     registry and a helper that fails are errors, and no other source or file takes their place.
//     Only a source that has nothing for a registry returns the zero Credential.
//   - What is wrong with the entry or the helper of one registry never fails the look-up of another.
//   - A credential from a file or a helper is returned only for the host it was stored for, port
//     included. Docker Hub's names count as one host.
//   - No error, and no printed, logged or marshalled form of a credential or of a source of this
//     package, contains a secret. Nothing that a helper prints is ever shown.
//   - Every credential that comes from a file or a helper passes [Credential.Validate].
//
// # Docker and podman
//
// What docker 29 or podman 5 finds for a registry, [LoadDockerConfig] finds, with these exceptions:
//
//   - A key without a scheme that has a path belongs to that repository or namespace alone, as in
//     podman. Docker uses it for the whole registry.
//   - A key with user information, "https://ann@host", belongs to no registry.
//   - An auth that is not base64, has no colon, or is a colon alone is an error for its own registry.
//     Podman takes the latter two for no entry; docker stops reading the file.
//   - The name of a helper has only letters, digits, dots, dashes and underscores, so that it leads to
//     no program outside of $PATH.
//   - Identity and registry tokens have only characters that can be sent.
//   - If two places disagree, credHelpers comes before everything else in a file, as in both; the entry
//     of a repository comes before credsStore, which podman does not read.
//   - If $DOCKER_AUTH_CONFIG is malformed, that is an error. Docker warns and ignores it.
//   - A pipe or a device is no configuration.
//
// It finds more than either of them: keys in upper case and with the port 443, every name of Docker
// Hub under every other, tokens and user names in fields of their own, the old format in any file,
// and the file's own entry where a helper has nothing.
package credentials
