// Package regret deletes images from OCI and Docker registries. It deletes
// exactly the image that the caller named, and explains why if the registry refuses.
//
//	c, err := regret.New("registry.example.com", regret.WithBasicAuth("user", "password"))
//	dgst, err := c.ResolveDigest(ctx, "derek/busybox", "latest")
//	err = c.DeleteManifest(ctx, "derek/busybox", dgst)
//
// This sends two requests, HEAD and DELETE, and two more the first time if the
// registry requires a token. [New] makes a [Client] for one registry and sends
// nothing. [ParseReference] splits a full name such as
// "localhost:5000/busybox:latest" into its parts.
//
// # Which digest
//
// The response to a request for a tag depends on the Accept header field. Without
// the right one a registry may convert the manifest and return a digest that it
// does not store, choose the image of one platform from an index, or respond
// that the tag does not exist. [Client.ResolveDigest] and [Client.Resolve] always
// accept every type of manifest, so the digest is that of the stored manifest.
// [Client.Manifest] reads the content and verifies that it hashes to the digest.
//
// # What a deletion does
//
// [Client.DeleteManifest] takes a digest and deletes the manifest together with
// every tag of the repository that points to it. [Client.Untag] takes a tag and
// removes only that tag; some registries cannot do that. Neither ever turns into
// the other: a refusal is returned, not worked around.
//
// What a manifest refers to stays, unless the registry removes it on its own: the
// images in a deleted index stay under their digests, and the layers of a deleted
// image stay too. Signatures and other manifests that refer to it also stay
// ([Client.Referrers]). Deleting an image that an index lists does harm: many
// registries allow it, and then the index is broken. Such an image often has no
// tag although it is still needed. Some registries remove by themselves what no tag
// leads to any more: zot and olareg when they collect garbage, Gitea and others a
// manifest with its last tag.
//
// A deletion can be undone until the registry collects garbage, which also frees the
// disk space: keep the result of [Client.Manifest] and pass it to [Client.PutManifest].
// distribution waits for its operator to collect garbage. By default zot collects
// every hour and olareg every 15 minutes what is older than an hour. Gitea removes
// layers at once, so that nothing can be undone there.
//
// [Client.CheckDelete] reports in advance whether the registry allows these
// credentials to delete. It sends a DELETE for a random digest that does not exist.
//
// At a registry that deletes by digest only, [Client.UntagByOverwrite] removes one
// of several tags. At a registry without the referrers API, [Client.DeleteReferrer]
// also removes a signature from the index under the fallback tag. Both send more
// writes than one DELETE. [WithVerification] checks the result of every deletion.
//
// # What to delete
//
// This package deletes what the caller names. Package
// [github.com/seed-8cb7cc86/regret/prune] plans by a policy what is no longer needed:
// the newest ten releases stay, for example, and pull requests go after a month. It
// reads the indexes, signatures and attestations of a repository, so that nothing
// goes that something else needs, and writes nothing.
//
//	p, err := policy.Parse(data)
//	plan, err := prune.Make(ctx, c, "team/app", p, nil)
//	fmt.Print(plan) // a tree: what goes, what stays, and why
//
// # Operations
//
// What each call does, and how many requests it sends. A token costs two more, the
// first time.
//
//	Ping                   checks that the registry accepts the credentials      1
//	ResolveDigest, Resolve find the manifest that a tag points to                1 or 2
//	Manifest               reads a manifest                                      1
//	Tags, Repositories     list tags or repositories                             1 a page
//	List                   lists tags, and the manifests of Google's registries  1 a page
//	Referrers              lists what refers to a manifest                       1 or 2
//	HasReferrers           finds out whether there is the referrers API          1
//	Blob                   reads a small blob, such as a configuration           1
//	HasBlob                finds out whether a blob is there                     1 or 2
//	CheckDelete            asks whether the credentials allow a deletion         1
//	CheckUntag             asks whether they allow to remove a tag               1
//	DeleteManifest         deletes a manifest with all its tags                  1 or 2
//	Untag                  removes one tag                                       1
//	UntagByOverwrite       removes one tag where only digests can be deleted     10 or more
//	DeleteReferrer         deletes a referrer and its entry in the list          3 or more
//	PutManifest            restores a manifest, or moves a tag                   1 or 2
//	PutBlob                stores a small blob                                   1 or 3
//
// # Failures
//
// Every failed operation returns an [*Error] with the HTTP status, the registry's
// error entries, and a [Kind] that classifies the failure. Use errors.Is with a
// kind or with a [Code] that the registry sent, and errors.As or errors.AsType
// for the rest:
//
//	errors.Is(err, regret.ErrNotFound)          // the classification: there is no such image
//	errors.Is(err, regret.CodeManifestUnknown)  // the code in the response: MANIFEST_UNKNOWN
//	e, ok := errors.AsType[*regret.Error](err)  // e.StatusCode, e.Details, e.Hint …
//
// The kinds, the responses that cause them, and what to do:
//
//	ErrNotFound              404 with a code such as MANIFEST_UNKNOWN     nothing: it does not exist
//	ErrUnauthorized          401                                          pass credentials, or other ones
//	ErrForbidden             403; 401 DENIED or insufficient_scope, if    ask for the right to delete
//	                         credentials were sent
//	ErrDeleteDisabled        405 or 400 UNSUPPORTED, for a digest; for    ask the operator to enable deletion
//	                         a tag 405 "The operation is unsupported."
//	ErrTagDeleteUnsupported  400 UNSUPPORTED or DIGEST_INVALID, for a     delete by digest, if the other tags
//	                         tag; 405 of some hosts                       may be removed too
//	ErrReferenced            409 MANIFEST_REFERENCED and others           delete the index first
//	ErrStillTagged           400 GOOGLE_MANIFEST_DANGLING_TAG; 409        remove all its tags first
//	                         MANIFEST_INVALID, for a digest
//	ErrContentMissing        4xx MANIFEST_BLOB_UNKNOWN or BLOB_UNKNOWN,   push what the manifest refers to
//	                         404 MANIFEST_UNKNOWN, for a push             first
//	ErrImmutable             409 TAG_IMMUTABLE and others                 keep it, or unlock it at the registry
//	ErrReadOnly              405 that allows only reads; 403 or 405        retry after the maintenance
//	                         "read only"
//	ErrRateLimited           429; TOOMANYREQUESTS; 403 that asks to wait  wait for Error.RetryAfter
//	ErrUnavailable           5xx except 501, 408, 425, or no response     retry later
//	ErrOutcomeUnknown        no response that can be trusted              resolve it again to see
//	ErrStillPresent          success, but it is still served              ask the operator
//	ErrDigestMismatch        content, header and requested digest differ  trust none of them
//	ErrTooLarge              more than a limit allows                     see Limits
//	ErrIncompleteList        a page is missing, malformed or repeated     do not act on the entries received
//	ErrInvalidEntries        a list with entries that are no valid names  decide whether the rest is enough
//	ErrUntrustedRealm        401 that names a foreign token service       see WithTrustedRealm
//	ErrRedirect              a redirect that must not be followed         use the registry's own address
//	ErrNotRegistry           HTML, another format, an odd status          look for a proxy or portal
//	ErrInvalid               none: no request was sent                    correct the argument or option
//
// If the response does not reveal what a failure means, the error has no kind.
// This includes a 404 or 405 without an error code: it may come from a proxy and
// does not prove that an image is gone. If there is a known remedy, it is in the
// Hint of the [Error] and at the end of its message. When a context ends, the error
// matches [context.Canceled] or [context.DeadlineExceeded], and also
// [ErrOutcomeUnknown] if a deletion was in flight.
//
// # Authentication
//
// [WithBasicAuth] and [WithCredentials] supply credentials. They are sent only when
// the registry asks for them, as Basic authentication or to get a token; tokens
// are cached and renewed. [WithToken] sends a token that the caller already has.
// Secrets go to the registry's own origin; credentials for a token go to a token
// service of the same origin, to the known service of a few public registries, or
// to a service named by [WithTrustedRealm]. A redirect to another origin carries no
// secrets. Errors, log records and traces contain none either.
//
// [credentials.LoadDockerConfig] returns the credentials that docker login and
// podman login have stored, including credential helpers and identity tokens;
// [credentials.FirstOf] and [credentials.ForRegistry] combine sources. A file that
// cannot be read or a helper that fails is a [*credentials.Error]; the client never
// continues without credentials or with other ones.
//
// # Lists
//
// [Client.Tags], [Client.List], [Client.Repositories] and [Client.Referrers] return
// sequences for range. A sequence that ends without an error is complete. Anything
// that prevents that is reported once, as the last element. So is
// [ErrInvalidEntries], which names entries that are not valid names and were left
// out. Collect a list before deleting from it.
//
//	for tag, err := range c.Tags(ctx, "team/app") {
//		if err != nil {
//			return err
//		}
//		tags = append(tags, tag)
//	}
//
// # Limits, retries, concurrency
//
// The client reads everything that a registry sends only up to a limit; see
// [Limits] and [DefaultLimits]. It retries reads and deletions by digest after
// transient failures, within [Retries]. If a registry asks the client to wait, all
// requests of the client wait. A request that could affect something else the
// second time, such as a tag that was pushed again, is retried only if the first
// attempt had no effect. If a deletion gets no response, one more read determines
// its outcome.
//
// A Client is meant to be reused. Many goroutines may use it at once; they share its
// connections and tokens. It needs no closing. Every call obeys its context.
package regret
