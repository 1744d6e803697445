// Package undofolder keeps what belongs to one plan in a folder: the archive to restore from, an
// OCI image layout; plan.json; journal.jsonl, from which an interrupted run goes on; report.json.
//
// It knows files and their names. What they hold is the library's.
//
// Invariants: a folder is that of one plan, and its name holds neither repository nor tag, so that
// it is valid on every file system. Two processes never write the same journal at once, where the
// file system has locks. Files are there as a whole or not at all, except for the journal, which
// grows.
package undofolder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// Default is the folder that has a folder for each plan.
const Default = "regret-undo"

// The files in a folder, besides those of the archive.
const (
	planFile    = "plan.json"
	journalFile = "journal.jsonl"
	reportFile  = "report.json"
)

// planDigits is how many digits of the plan's digest a name has.
const planDigits = 12

// Name returns the name of the folder of a plan that is first applied on a day: the day, and the
// first digits of the plan.
func Name(dgst regret.Digest, day time.Time) string {
	return day.UTC().Format("20060102") + suffix(dgst)
}

// suffix returns how the names of all folders of a plan end.
func suffix(dgst regret.Digest) string {
	hex := dgst.Encoded()
	return "-" + hex[:min(planDigits, len(hex))]
}

// Find returns the path of the folder of a plan below a parent: the one that is there, whatever day
// it is from, the newest of several; or else the one for today. It creates nothing.
//
// Errors: that of reading the parent, unless there is none.
func Find(parent string, dgst regret.Digest, today time.Time) (string, error) {
	entries, err := os.ReadDir(parent) // sorted
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	found := filepath.Join(parent, Name(dgst, today))
	for _, entry := range entries {
		day, isDay := dayOf(entry.Name())
		if !isDay || entry.Name() != Name(dgst, day) {
			continue
		}
		path := filepath.Join(parent, entry.Name())
		content, err := os.ReadFile(filepath.Join(path, planFile))
		if err == nil && digestOf(content) == dgst {
			found = path
		}
	}
	return found, nil
}

func digestOf(content []byte) regret.Digest {
	sum := sha256.Sum256(content)
	return regret.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// dayOf returns the day at the beginning of a name.
func dayOf(name string) (time.Time, bool) {
	const form = "20060102"
	if len(name) < len(form) {
		return time.Time{}, false
	}
	day, err := time.Parse(form, name[:len(form)])
	return day, err == nil
}

// ErrRunning means that another process has the folder open.
var ErrRunning = errors.New("another process is carrying out this plan")

// A Folder is the open folder of a plan. Until it is closed, no other process can open it.
type Folder struct {
	path    string
	store   undo.Store
	journal *os.File
	fresh   bool // there was no plan in it before
}

// Open opens the folder of a plan, which it creates if need be, and stores the plan.
//
// Errors: [undo.ErrOtherPlan], before anything is written; [ErrRunning]; those of files.
func Open(ctx context.Context, path string, p *plan.Plan) (*Folder, error) {
	store, err := undo.DirStore(path)
	if err != nil {
		return nil, err
	}
	f := &Folder{path: path, store: store}
	if err := f.storePlan(ctx, p); err != nil {
		return nil, err
	}
	if f.journal, err = openLocked(filepath.Join(path, journalFile)); err != nil {
		if errors.Is(err, ErrRunning) {
			return nil, fmt.Errorf("%w, in %s: wait for it to end", ErrRunning, path)
		}
		return nil, err
	}
	if err := syncFolder(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// storePlan stores the plan, unless it is there.
func (f *Folder) storePlan(ctx context.Context, p *plan.Plan) error {
	var content bytes.Buffer
	if _, err := p.WriteTo(&content); err != nil {
		return err
	}
	there, err := f.store.Get(ctx, planFile)
	switch {
	case err == nil && bytes.Equal(there, content.Bytes()):
		return nil
	case err == nil:
		return fmt.Errorf("%w: %s has the plan %s, not %s", undo.ErrOtherPlan, f.path, digestOf(there), digestOf(content.Bytes()))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f.fresh = true
	return f.store.Put(ctx, planFile, content.Bytes())
}

// Path returns the path of the folder.
func (f *Folder) Path() string { return f.path }

// Store returns the store for the archive.
func (f *Folder) Store() undo.Store { return f.store }

// Journal returns the journal. It is positioned at its beginning once.
func (f *Folder) Journal() apply.Journal { return f.journal }

// WriteReport stores the report of a run.
func (f *Folder) WriteReport(ctx context.Context, r *apply.Report) error {
	var content bytes.Buffer
	if _, err := r.WriteTo(&content); err != nil {
		return err
	}
	return f.store.Put(ctx, reportFile, content.Bytes())
}

// Close closes the folder, so that other processes can open it.
func (f *Folder) Close() error { return f.journal.Close() }

// Discard closes the folder and removes it, if it did not exist before and nothing was begun.
func (f *Folder) Discard() error {
	info, err := f.journal.Stat()
	isEmpty := err == nil && info.Size() == 0
	if isEmpty && f.fresh {
		_ = os.Remove(filepath.Join(f.path, planFile))
		_ = os.Remove(f.journal.Name()) // Windows does not remove what is open
	}
	err = f.Close()
	if isEmpty && f.fresh {
		_ = os.Remove(f.journal.Name())
		parent := filepath.Dir(f.path)
		if os.Remove(f.path) == nil && filepath.Base(parent) == Default { // which fails if there is something else
			_ = os.Remove(parent)
		}
	}
	return err
}

// Finished returns the report of the run in a folder that got to its end; nil if there is none.
func Finished(path string, p *plan.Plan) *apply.Report {
	file, err := os.Open(filepath.Join(path, journalFile))
	if err != nil {
		return nil
	}
	defer file.Close()
	summary, err := apply.ReadJournal(file)
	if err != nil || !summary.Finished {
		return nil
	}
	report, err := summary.Report(p)
	if err != nil {
		return nil
	}
	return report
}
