// Package regret deletes images from OCI and Docker registries: the image that
// was meant and no other, with a plain answer where the registry refuses.
//
//	c, err := regret.New("registry.example.com", regret.WithBasicAuth("user", "password"))
//	dgst, err := c.ResolveDigest(ctx, "derek/busybox", "latest")
//	err = c.DeleteManifest(ctx, "derek/busybox", dgst)
//
// These are two requests, HEAD and DELETE; where the registry wants a token, two
// more the first time. [New] makes a [Client] for one registry and sends
// nothing. [ParseReference] takes a whole name such as
// "localhost:5000/busybox:latest" apart.
//
// # Which digest
//
// What a registry answers about a tag depends on the Accept header. Without the
// right one it may convert the manifest and name a digest that it does not
// have, choose the image of one platform out of several, or deny that there is
// anything. [Client.ResolveDigest] and [Client.Resolve] always accept every
// type of manifest, so that the digest is that of what is stored.
// [Client.Manifest] reads the bytes and proves that they hash to it.
//
// # What a deletion does
//
// [Client.DeleteManifest] takes a digest, and the manifest goes with every tag
// of the repository that points at it. [Client.Untag] takes a tag, and nothing
// but this tag goes; some registries cannot do that. Neither ever becomes the
// other: a refusal is returned, not worked around.
//
// What a manifest refers to stays, unless the registry clears up of its own
// accord: of a deleted index the images of its platforms, under their digests;
// of a deleted image the layers. So do signatures and the like, which refer to
// it ([Client.Referrers]). The reverse does harm: many registries delete an
// image that an index lists, and then the index is broken. Such an image often
// has no tag, and is needed all the same.
//
// The disk is as full as before until the registry collects its garbage, and
// until then a deletion can be undone: keep what [Client.Manifest] returned and
// give it to [Client.PutManifest].
//
// [Client.CheckDelete] tells beforehand whether the registry lets these
// credentials delete. It sends a DELETE for a digest that nobody has.
//
// Where a registry deletes by digest only, [Client.UntagByOverwrite] removes one
// tag of several; where it keeps no referrers itself, [Client.DeleteReferrer]
// also takes a signature off the list that stands in for them. Each writes more
// than one DELETE, and says so. [WithVerification] looks after every deletion.
//
// # Failures
//
// Every failed operation is an [*Error] with the HTTP status, what the registry
// said, and a [Kind]: what it means. errors.Is asks for the kind or for a [Code]
// as the registry wrote it, errors.As and errors.AsType give the rest:
//
//	errors.Is(err, regret.ErrNotFound)          // what it means: there is no such image
//	errors.Is(err, regret.CodeManifestUnknown)  // what was said: MANIFEST_UNKNOWN
//	e, ok := errors.AsType[*regret.Error](err)  // e.StatusCode, e.Details, e.Hint …
//
// The kinds, what stands for them on the wire, and what to do:
//
//	ErrNotFound              404 with a code such as MANIFEST_UNKNOWN     nothing: it is not there
//	ErrUnauthorized          401                                          give credentials, or better ones
//	ErrForbidden             403; 401 DENIED or insufficient_scope, if    ask for the right to delete
//	                         credentials were given
//	ErrDeleteDisabled        405 or 400 UNSUPPORTED, for a digest; for    let its operator enable deletion
//	                         a tag 405 "The operation is unsupported."
//	ErrTagDeleteUnsupported  400 UNSUPPORTED or DIGEST_INVALID, for a     delete by digest, if the other tags
//	                         tag; 405 of some hosts                       may go too
//	ErrReferenced            409 MANIFEST_REFERENCED and others           delete the index first
//	ErrStillTagged           400 GOOGLE_MANIFEST_DANGLING_TAG             untag it everywhere first
//	ErrImmutable             409 TAG_IMMUTABLE and others                 leave it, or unlock it there
//	ErrReadOnly              405 that allows only reads; 403 "read only"  try again after its maintenance
//	ErrRateLimited           429; TOOMANYREQUESTS                         wait for Error.RetryAfter
//	ErrUnavailable           5xx but 501, 408, 425, or no answer          try again later
//	ErrOutcomeUnknown        no answer that could be trusted              resolve it again and look
//	ErrStillPresent          success, and yet it is still served          ask its operator
//	ErrDigestMismatch        content, header and question disagree        trust none of them
//	ErrTooLarge              more than a limit allows                     see Limits
//	ErrIncompleteList        a page that is missing, wrong or repeated    do not act on what came
//	ErrUntrustedRealm        401 that names a foreign token service       see WithTrustedRealm
//	ErrRedirect              a redirect that must not be followed         name the registry by its own address
//	ErrNotRegistry           HTML, another format, an odd status          look for a proxy or portal
//	ErrInvalid               nothing: no request was sent                 mend the argument or option
//
// A failure whose meaning the answer does not tell has no kind. That goes for
// a 404 or 405 without an error code: it may be a proxy's, and is no proof that
// an image is gone. Where it is known what to do, [Error] says so in its Hint and
// at the end of its message. When a context ends, the error matches
// [context.Canceled] or [context.DeadlineExceeded], and [ErrOutcomeUnknown] too
// if a deletion was under way.
//
// # Authentication
//
// [WithBasicAuth] and [WithCredentials] hold credentials ready; they are sent
// when the registry asks, as Basic authentication or to get a token, and tokens
// are kept and renewed. [WithToken] sends a token that already exists. What is
// sent goes to the registry's own origin, and for a token to a service of the
// same origin, to one that a few public registries are known for, or to one
// named by [WithTrustedRealm]. A redirect to elsewhere gets none of it. Errors,
// log records and traces show no secret.
//
// [LoadDockerConfig] is the source of what docker login and podman login have
// stored, credential helpers and identity tokens included; [FirstOf] and
// [ForRegistry] combine sources. A file that cannot be read and a helper that
// fails are a [*CredentialError], never a reason to go on without credentials or
// with others.
//
// # Lists
//
// [Client.Tags], [Client.Repositories] and [Client.Referrers] are sequences for
// range. One that ends without an error is complete; anything in the way of that
// is an error, once and last. Collect a list before deleting from it.
//
//	for tag, err := range c.Tags(ctx, "team/app") {
//		if err != nil {
//			return err
//		}
//		tags = append(tags, tag)
//	}
//
// # Bounds, repetition, concurrency
//
// Everything that a registry sends is read up to a limit; see [Limits] and
// [DefaultLimits]. Reads and deletions by digest are repeated after failures
// that pass, within [Retries], and a registry that asks for time gets it from
// all requests of a client. What could hit something else the second time, a
// tag pushed anew, is repeated only if the first request had no effect. If no
// answer came, one more read finds out what became of a deletion.
//
// A Client is meant to be kept. It may be used by many goroutines at once, which
// share its connections and tokens, and needs no closing. Every call obeys its
// context.
package regret
