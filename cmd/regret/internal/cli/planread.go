package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A foundPlan is a plan, and where it was read.
type foundPlan struct {
	path string
	plan *plan.Plan
}

// readPlans reads plans from files, each of them once, because a pipe cannot be read again. An index
// of plan --out stands for the plans that it names. All errors are reported at once.
func readPlans(paths []string) ([]foundPlan, error) {
	var all []foundPlan
	var errs []error
	add := func(path string, read *plan.Plan, err error) {
		if errs = append(errs, err); err == nil {
			all = append(all, foundPlan{path, read})
		}
	}
	for _, path := range paths {
		read, named, err := readPlanOrIndex(path)
		if read != nil || err != nil {
			add(path, read, err)
		}
		for _, path := range named {
			read, err := readPlan(path)
			add(path, read, err)
		}
	}
	return all, errors.Join(errs...)
}

// readPlan reads a plan from a file.
func readPlan(path string) (*plan.Plan, error) {
	read, named, err := readPlanOrIndex(path)
	if named != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("%s is no plan, but an index of plans", terminal.Safe(path)))
	}
	return read, err
}

// readPlanOrIndex reads a plan, or the paths of the plans that an index names. Nothing is kept in
// memory of a large file that is neither.
func readPlanOrIndex(path string) (read *plan.Plan, named []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, maxHead)
	head, err := in.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, unreadable(path, err)
	}
	if bytes.HasPrefix(head, []byte(`{"regret":"`+plansForm+`"`)) {
		data, err := readBounded(in, maxIndex)
		if err != nil {
			return nil, nil, unreadable(path, err)
		}
		named, err = indexed(path, data)
		return nil, named, err
	}
	kind, what := recognise(head)
	switch read, err = plan.Read(in); {
	case err == nil:
		return read, nil, nil
	case kind == kindPlan:
		return nil, nil, fmt.Errorf("plan %s: %w", terminal.Safe(path), err)
	case kind == "":
		return nil, nil, exit.With(exit.Usage, fmt.Errorf("%s is no plan: %s", terminal.Safe(path), what))
	}
	return nil, nil, exit.With(exit.Usage, fmt.Errorf("%s is no plan, but a %s", terminal.Safe(path), terminal.Safe(kind)))
}

// unreadable returns an error about a file of which an argument says that it is a plan.
func unreadable(path string, err error) error {
	hint := ""
	if info, failed := os.Stat(path); failed == nil && info.IsDir() {
		hint = "; name the plans in it, or its " + indexFile
	}
	return exit.With(exit.Usage, fmt.Errorf("plan %s: %w%s", terminal.Safe(path), reasonOf(err), hint))
}

// indexed returns the plans that an index names. It does not trust it: each file is a plan by itself.
func indexed(path string, data []byte) ([]string, error) {
	var index struct {
		Items []planItem `json:"items"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("index of plans %s: %w", terminal.Safe(path), err))
	}
	paths := []string{}
	for _, item := range index.Items {
		switch {
		case item.File == "": // there is no plan
		case !filepath.IsLocal(item.File):
			return nil, exit.With(exit.Usage, fmt.Errorf("index of plans %s: it names %s, which is not in its folder", terminal.Safe(path), terminal.Safe(item.File)))
		default:
			paths = append(paths, filepath.Join(filepath.Dir(path), item.File))
		}
	}
	return paths, nil
}
