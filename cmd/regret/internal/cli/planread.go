package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// readPlan reads a plan from a file.
func readPlan(path string) (*plan.Plan, error) {
	data, err := readFileOfPlan(path)
	if err != nil {
		return nil, err
	}
	read, err := plan.Read(bytes.NewReader(data))
	if err == nil {
		return read, nil
	}
	switch kind, what := recognise(data[:min(len(data), maxHead)]); kind {
	case kindPlan:
		return nil, fmt.Errorf("plan %s: %w", terminal.Safe(path), err)
	case "":
		return nil, exit.With(exit.Usage, fmt.Errorf("%s is no plan: %s", terminal.Safe(path), what))
	default:
		return nil, exit.With(exit.Usage, fmt.Errorf("%s is no plan, but a %s", terminal.Safe(path), terminal.Safe(kind)))
	}
}

// readFileOfPlan reads a file of which an argument says that it is a plan.
func readFileOfPlan(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return data, nil
	}
	hint := ""
	if info, failed := os.Stat(path); failed == nil && info.IsDir() {
		hint = "; name the plans in it, or its " + indexFile
	}
	return nil, exit.With(exit.Usage, fmt.Errorf("plan %s: %w%s", terminal.Safe(path), reasonOf(err), hint))
}

// withIndexed puts the plans that an index of plan --out names in place of the index.
func withIndexed(paths []string) ([]string, error) {
	var all []string
	var errs []error
	for _, path := range paths {
		data, err := readFileOfPlan(path)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !bytes.HasPrefix(data, []byte(`{"regret":"`+plansForm+`"`)):
			all = append(all, path)
		default:
			named, err := indexed(path, data)
			all, errs = append(all, named...), append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// indexed returns the plans that an index names. It does not trust it: each file is a plan by itself.
func indexed(path string, data []byte) ([]string, error) {
	var index struct {
		Items []planItem `json:"items"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("index of plans %s: %w", terminal.Safe(path), err))
	}
	var paths []string
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
