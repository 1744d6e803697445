// Package undo archives what a plan deletes, and restores it.
//
// An archive holds the manifests, tags and configurations that a plan takes away, but no
// layers, so that it is small: a few KiB for each image. What a registry deletes are the
// manifests; layers stay until it collects garbage. Until then, pushing the manifests again
// brings the images back, byte for byte and under their tags:
//
//	store, err := undo.DirStore("undo/2026-01-31")
//	archive, err := undo.Write(ctx, client, plan, store, nil) // before anything is deleted
//	report, err := undo.Restore(ctx, client, store, nil)      // later
//
// How long that works is up to the registry; see docs/undo.md.
//
// [RestoreTrash] needs no archive: it gives images that are in quarantine their tags back.
// [ReadTrash] lists these.
//
// # The archive
//
// An archive is that of one plan, and an OCI image layout that other tools can read:
//
//	plan.json            the plan; written first, so that no other plan uses the same archive
//	blobs/sha256/…       manifests, and configurations of up to 1 MiB
//	oci-layout           the version of the layout
//	index.json           written last; one entry for each tag, and for each manifest without one
//
// An archive without index.json was never finished, and nothing was deleted with it.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
//
// # What the package knows
//
// It knows which manifests a plan takes away, and what each needs to be pushed again. It
// knows no policy, and starts no goroutine that outlives a call. It deletes nothing but what
// quarantine has put beside images, and what an interrupted removal of a tag has left.
//
// Invariants: everything that is read from an archive or a registry hashes to its digest, or
// is an error. Nothing is written to a store that holds the archive of another plan, or
// something else. Nothing is sent to another registry than that of the plan. No tag that
// points elsewhere by now is moved unless the caller says so.
package undo
