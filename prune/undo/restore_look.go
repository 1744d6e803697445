package undo

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// look looks whether a manifest is there. If it is not, it looks for what the manifest needs
// and the archive does not have.
func (r *restoring) look(ctx context.Context, i int) {
	o := &r.objects[i]
	switch there, err := r.hasManifest(ctx, o.digest); {
	case err != nil:
		r.settle(i, failure(err))
		return
	case there:
		r.settle(i, Result{Status: AlreadyThere})
		return
	case o.missing:
		r.settle(i, Result{Status: Lost, Reason: "it was gone already when the archive was written"})
		return
	}
	m, err := r.archive.Manifest(ctx, o.digest)
	if err != nil {
		r.settle(i, failure(err))
		return
	}
	o.content = contentOf(m.Raw)
	gone, err := r.missingBlobs(ctx, o)
	switch {
	case err != nil:
		r.settle(i, failure(err))
		return
	case len(gone) > 0:
		r.settle(i, Result{Status: Lost, Lacks: gone, Reason: reasonBlobsGone(len(gone))})
		return
	}
	if o.lacks, err = r.missingManifests(ctx, o); err != nil {
		r.settle(i, failure(err))
	}
}

func reasonBlobsGone(n int) string {
	if n == 1 {
		return "the registry has collected a blob that it needs"
	}
	return "the registry has collected blobs that it needs"
}

// missingBlobs returns the layers that are gone, and the configuration if the archive does
// not have it either.
func (r *restoring) missingBlobs(ctx context.Context, o *object) ([]regret.Digest, error) {
	blobs := o.content.layers()
	if config, ok := o.content.config(); ok {
		switch archived, err := r.hasConfig(ctx, config.Digest); {
		case err != nil:
			return nil, err
		case archived:
			o.config = config.Digest
		default:
			blobs = append([]regret.Digest{config.Digest}, blobs...)
		}
	}
	var gone []regret.Digest
	for _, dgst := range blobs {
		there, err := r.lookups.once("blob", dgst, func() (bool, error) { return r.writer.HasBlob(ctx, r.repository, dgst) })
		if err != nil {
			return nil, err
		}
		if !there {
			gone = append(gone, dgst)
		}
	}
	return gone, nil
}

// hasConfig reports whether the archive has a configuration. One that is damaged counts as
// missing, because the registry may still have it.
func (r *restoring) hasConfig(ctx context.Context, dgst regret.Digest) (bool, error) {
	return r.lookups.once("config", dgst, func() (bool, error) {
		_, err := r.archive.blob(ctx, dgst)
		if _, damaged := errors.AsType[*CorruptError](err); damaged {
			return false, nil
		}
		return err == nil, err
	})
}

// missingManifests returns what a manifest lists that is neither in the archive nor there.
func (r *restoring) missingManifests(ctx context.Context, o *object) ([]regret.Digest, error) {
	var gone []regret.Digest
	for _, child := range o.content.Manifests {
		if _, ours := r.place[child.Digest]; ours || grammar.Digest(child.Digest) != nil {
			continue
		}
		there, err := r.hasManifest(ctx, child.Digest)
		if err != nil {
			return nil, err
		}
		if !there {
			gone = append(gone, child.Digest)
		}
	}
	return gone, nil
}

func (r *restoring) hasManifest(ctx context.Context, dgst regret.Digest) (bool, error) {
	return r.lookups.once("manifest", dgst, func() (bool, error) {
		_, err := r.writer.Resolve(ctx, r.repository, dgst.String())
		if errors.Is(err, regret.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
}

// failure returns the result of something that failed or was refused.
func failure(err error) Result {
	if _, damaged := errors.AsType[*CorruptError](err); damaged {
		return Result{Status: Lost, Reason: "the archive is damaged", Err: err}
	}
	if isRefusal(err) {
		return Result{Status: Refused, Err: err}
	}
	return Result{Status: Failed, Err: err}
}

// isRefusal reports whether another try would end the same.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*regret.Error](err)
	if !ok {
		return false
	}
	switch e.Kind {
	case regret.ErrRateLimited, regret.ErrUnavailable, regret.ErrOutcomeUnknown:
		return false
	case "":
		return e.StatusCode >= http.StatusBadRequest && e.StatusCode < http.StatusInternalServerError
	}
	return true
}

// lookups remember what was looked up, so that each is asked for once.
type lookups struct {
	mu    sync.Mutex
	known map[lookup]*answer
}

type lookup struct {
	kind   string
	digest regret.Digest
}

// An answer is what a lookup has found. It is known once found is closed, for which goroutines
// wait without a mutex, so that the clock of testing/synctest goes on meanwhile.
type answer struct {
	found chan struct{}
	there bool
	err   error
}

// once returns what ask returned the first time, for several callers at once.
func (l *lookups) once(kind string, dgst regret.Digest, ask func() (bool, error)) (bool, error) {
	l.mu.Lock()
	if l.known == nil {
		l.known = make(map[lookup]*answer)
	}
	a, asked := l.known[lookup{kind, dgst}]
	if !asked {
		a = &answer{found: make(chan struct{})}
		l.known[lookup{kind, dgst}] = a
	}
	l.mu.Unlock()
	if asked {
		<-a.found
		return a.there, a.err
	}
	defer close(a.found)
	a.there, a.err = ask()
	return a.there, a.err
}
