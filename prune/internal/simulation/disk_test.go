package simulation

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"sync"
)

// A disk keeps the journal and the archive of a plan while processes come and go.
type disk struct {
	mu      sync.Mutex
	journal []byte // what is durable
	files   map[string][]byte
}

func newDisk() *disk { return &disk{files: make(map[string][]byte)} }

// A killer says at which write of journal and archive a process is killed, and how.
type killer struct {
	process *process
	rng     *rand.Rand
	after   int  // this many writes and syncs
	full    bool // the process is not killed: the disk is full from then on
	mu      sync.Mutex
	writes  int
}

var errDiskFull = errors.New("no space left on device")

// next counts a write. It reports whether the process ends, or the disk is full, at this one.
func (k *killer) next() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.writes++
	return k.after > 0 && k.writes >= k.after
}

// end kills the process, unless only the disk is full.
func (k *killer) end(where string) error {
	if k.full {
		return errDiskFull
	}
	k.process.kill(where)
	return errKilled
}

// chance is true in half of all cases.
func (k *killer) chance() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rng.IntN(2) == 0
}

// A journal is that of one process.
type journal struct {
	*killer
	disk    *disk
	reader  *bytes.Reader
	written []byte // and not durable yet
}

// openJournal opens the journal for a process.
func (d *disk) openJournal(k *killer) *journal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &journal{killer: k, disk: d, reader: bytes.NewReader(bytes.Clone(d.journal))}
}

func (j *journal) Read(p []byte) (int, error) { return j.reader.Read(p) }

// Write keeps what is written until Sync. When the process ends, some of it is on the disk.
func (j *journal) Write(p []byte) (int, error) {
	if j.process.isDead() {
		return 0, errKilled
	}
	if !j.next() {
		j.written = append(j.written, p...)
		return len(p), nil
	}
	n := 0
	if j.chance() {
		n = len(p) / 2
	}
	j.written = append(j.written, p[:n]...)
	j.flush(j.chance())
	return n, j.end("a write of the journal")
}

func (j *journal) Sync() error {
	if j.process.isDead() {
		return errKilled
	}
	if !j.next() {
		j.flush(true)
		return nil
	}
	j.flush(j.chance())
	return j.end("a sync of the journal")
}

// flush makes all that was written durable, or part of it.
func (j *journal) flush(all bool) {
	n := len(j.written)
	if !all {
		n /= 2
	}
	j.disk.mu.Lock()
	defer j.disk.mu.Unlock()
	j.disk.journal = append(j.disk.journal, j.written[:n]...)
	j.written = nil
}

// A store is the archive as one process uses it.
type store struct {
	*killer
	disk *disk
}

func (s store) Put(ctx context.Context, name string, data []byte) error {
	if s.process.isDead() {
		return errKilled
	}
	ends := s.next()
	if !ends || s.chance() {
		s.disk.mu.Lock()
		s.disk.files[name] = bytes.Clone(data)
		s.disk.mu.Unlock()
	}
	if ends {
		return s.end("a write of the archive")
	}
	return ctx.Err()
}

func (s store) Get(_ context.Context, name string) ([]byte, error) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	data, ok := s.disk.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(data), nil
}
