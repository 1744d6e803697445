package undo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// A Store keeps the files of an archive: a folder, see [DirStore], or a bucket. Names are
// relative paths with slashes, such as "blobs/sha256/e45f…". Its methods must be safe for
// concurrent use.
type Store interface {
	// Put stores a file, or replaces it. When it returns, the file is there as a whole and
	// survives a loss of power. If it fails, the file is there as a whole, or as it was.
	Put(ctx context.Context, name string, data []byte) error
	// Get returns a file. If there is none, the error is [fs.ErrNotExist].
	Get(ctx context.Context, name string) ([]byte, error)
}

// A StoreError says that a file of an archive could not be stored or read.
type StoreError struct {
	Op   string // "store" or "read"
	Name string
	Err  error // of the [Store]
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("archive: %s %s: %v", e.Op, e.Name, e.Err)
}

// Unwrap returns the error of the store.
func (e *StoreError) Unwrap() error { return e.Err }

func put(ctx context.Context, store Store, name string, data []byte) error {
	if err := store.Put(ctx, name, data); err != nil {
		return &StoreError{"store", name, err}
	}
	return nil
}

// get returns a file, or found = false if there is none.
func get(ctx context.Context, store Store, name string) (data []byte, found bool, err error) {
	data, err = store.Get(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, &StoreError{"read", name, err}
	}
	return data, true, nil
}
