package undo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// DirStore returns a store in a folder. The first Put creates it, with the folders above it.
//
// A file is written under a temporary name, synced and renamed, and its folder is synced, so
// that a file under its own name is always whole. Calls of Put that run at the same time
// share the sync of a folder. On Windows, folders cannot be synced; there, a file may be
// missing after a loss of power, but never be half written. A process that is killed may
// leave temporary files, named ".new-…", at the top of the folder.
//
// Only the owner can read the files, because configurations may hold secrets. A name that
// leads out of the folder is an error.
//
// Errors: if the path is empty, or something else than a folder is there.
func DirStore(path string) (Store, error) {
	if path == "" {
		return nil, errors.New("the path of the archive is empty")
	}
	root, err := filepath.Abs(path) // of the current folder, which may change
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	return &dirStore{root: root, folders: make(map[string]*folder)}, nil
}

type dirStore struct {
	root string

	mu      sync.Mutex
	folders map[string]*folder // by path; those that are known to exist
}

// Put implements [Store].
func (s *dirStore) Put(ctx context.Context, name string, data []byte) error {
	path, err := s.path("put", name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	parent, err := s.folder(filepath.Dir(path))
	if err != nil {
		return err
	}
	temporary, err := s.writeTemporary(data)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return parent.sync()
}

// Get implements [Store].
func (s *dirStore) Get(ctx context.Context, name string) ([]byte, error) {
	path, err := s.path("get", name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// path returns where a file is.
func (s *dirStore) path(op, name string) (string, error) {
	local := filepath.FromSlash(name)
	if !fs.ValidPath(name) || name == "." || !filepath.IsLocal(local) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(s.root, local), nil
}

// folder returns a folder below the root, which it creates.
func (s *dirStore) folder(path string) (*folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.folders[path]; f != nil {
		return f, nil
	}
	if err := createFolder(path); err != nil {
		return nil, err
	}
	f := &folder{path: path}
	s.folders[path] = f
	return f, nil
}

// createFolder creates a folder and those above it, and syncs the folder that each is in.
func createFolder(path string) error {
	info, err := os.Stat(path)
	parent := filepath.Dir(path)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist), parent == path:
		return err
	}
	if err := createFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

// writeTemporary writes a file under a name of its own and syncs it.
func (s *dirStore) writeTemporary(data []byte) (path string, err error) {
	file, err := os.CreateTemp(s.root, ".new-*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

// A folder lets calls of sync that come while one is running share the next one.
type folder struct {
	path    string
	running sync.Mutex

	mu   sync.Mutex
	next *syncing // has not begun; nil if nothing waits for it
}

// A syncing is one sync of a folder, for all that was renamed before it began.
type syncing struct {
	done chan struct{}
	err  error
}

func (f *folder) sync() error {
	f.mu.Lock()
	s := f.next
	if s != nil {
		f.mu.Unlock()
		<-s.done
		return s.err
	}
	s = &syncing{done: make(chan struct{})}
	f.next = s
	f.mu.Unlock()

	f.running.Lock()
	defer f.running.Unlock()
	f.mu.Lock()
	f.next = nil
	f.mu.Unlock()
	s.err = syncFolder(f.path)
	close(s.done)
	return s.err
}

// syncFolder makes the names in a folder durable. Some file systems of a network refuse
// that, and do it themselves.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}
