package policy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// An InUse is a list of images that are in use somewhere, such as in a cluster. A
// keep rule with a "file" holds what it names.
type InUse struct {
	name    string
	made    time.Time
	digest  regret.Digest
	lines   int                                  // that are references or digests
	digests map[regret.Digest][]regret.Reference // the names that each has, with canonical registries; none of a digest alone
	tags    map[regret.Reference]bool            // with canonical registries, and without digests
}

const (
	// maxLine is longer than every reference.
	maxLine = 4096
	// maxMalformed is how many malformed lines are reported. A list that has more is of
	// another kind altogether.
	maxMalformed = 10
)

// ParseInUse reads an in-use list: a line for each image, with its reference or its
// digest, as in the list that this prints:
//
//	kubectl get pods -A -o jsonpath='{range .items[*].status.containerStatuses[*]}{.image}{"\n"}{.imageID}{"\n"}{end}'
//
// Names are short forms as docker has them: "nginx" is docker.io/library/nginx:latest.
// A digest counts under any name, and then a tag beside it does not. Blank lines, lines
// that begin with "#", white space around a line, line ends of Windows, a byte order
// mark and the prefixes "docker-pullable://" and "docker://" are fine. Any other line that is no
// reference is an error, because what wrote the list may have failed.
//
// Made is when the list was made, such as the time of its file. A line
// "# made 2026-11-26T12:00:00Z" in the list takes precedence; of several, the
// earliest counts.
//
// Errors: [*InUseError] with [InUseMalformed], one for each of the first ten lines, and
// what r returns. Whether a list without faults can be used for a repository,
// [InUse.Held] tells.
func ParseInUse(name string, r io.Reader, made time.Time) (*InUse, error) {
	hash := sha256.New()
	p := &inUseParser{list: &InUse{name: name, digests: map[regret.Digest][]regret.Reference{}, tags: map[regret.Reference]bool{}}}
	scanner := bufio.NewScanner(io.TeeReader(r, hash))
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		p.number++
		p.line(scanner.Bytes())
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		p.number++
		p.malformed("it is longer than %d bytes", maxLine)
		return nil, errors.Join(p.faults...)
	case err != nil:
		return nil, fmt.Errorf("in-use list %q: %w", name, err)
	case p.more > 0:
		p.faults = append(p.faults, fmt.Errorf("in-use list %q: %d more lines are malformed", name, p.more))
	}
	if p.faults != nil {
		return nil, errors.Join(p.faults...)
	}
	if p.list.made = p.made; p.made.IsZero() {
		p.list.made = made
	}
	p.list.digest = digest.NewDigest(digest.SHA256, hash)
	return p.list, nil
}

type inUseParser struct {
	list   *InUse
	number int // of the line
	made   time.Time
	faults []error
	more   int // faults that are not reported
}

func (p *inUseParser) malformed(format string, args ...any) {
	if len(p.faults) == maxMalformed {
		p.more++
		return
	}
	p.faults = append(p.faults, &InUseError{
		Name: p.list.name, Line: p.number, Detail: InUseMalformed, Problem: fmt.Sprintf(format, args...),
	})
}

func (p *inUseParser) line(raw []byte) {
	if p.number == 1 {
		raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
		if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
			p.malformed("the list is UTF-16, as PowerShell writes it: write UTF-8")
			return
		}
	}
	line := string(bytes.TrimSpace(raw))
	switch {
	case line == "":
	case line[0] == '#':
		p.comment(line)
	default:
		p.list.lines++
		p.image(strings.TrimPrefix(strings.TrimPrefix(line, "docker-pullable://"), "docker://"))
	}
}

// comment reads when the list was made, if a comment begins as such a line does.
func (p *inUseParser) comment(line string) {
	words := strings.Fields(strings.TrimLeft(line, "#"))
	if len(words) < 2 || words[0] != "made" || !isDigit(words[1][0]) {
		return
	}
	made, err := time.Parse(time.RFC3339, strings.Join(words[1:], " "))
	if err != nil {
		p.malformed("%q is not the time at which the list was made: write it as in 2026-11-26T12:00:00Z", redact.Clip(line))
		return
	}
	if p.made.IsZero() || made.Before(p.made) {
		p.made = made
	}
}

func (p *inUseParser) image(line string) {
	if d := regret.Digest(line); d.Validate() == nil {
		p.list.digests[d] = append(p.list.digests[d], regret.Reference{})
		return
	}
	ref, err := regret.ParseReference(line)
	switch {
	case strings.HasPrefix(line, "sha256:"), strings.HasPrefix(line, "sha512:"): // docker takes it for a tag
		p.malformed("%q is not a digest: it is cut off, or has other characters than 0-9 and a-f", redact.Clip(line))
	case err != nil && strings.ContainsAny(line, " \t"):
		p.malformed("%q is not a reference: write one image a line", redact.Clip(line))
	case err != nil:
		if parse, ok := errors.AsType[*regret.Error](err); ok {
			err = parse.Err // without what is known here
		}
		p.malformed("no reference: %v", err)
	case ref.Digest != "":
		name := regret.Reference{Registry: canonicalRegistry(ref.Registry), Repository: ref.Repository}
		p.list.digests[ref.Digest] = append(p.list.digests[ref.Digest], name)
	default:
		if ref.Tag == "" {
			ref.Tag = "latest"
		}
		ref.Registry = canonicalRegistry(ref.Registry)
		p.list.tags[ref] = true
	}
}

// canonicalRegistry returns one form for the forms in which a registry is written: as
// the host of a reference, or as an address. Docker Hub has several names.
func canonicalRegistry(s string) string {
	s = strings.ToLower(strings.TrimSuffix(s, "/"))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	s = strings.TrimSuffix(strings.TrimSuffix(s, ":443"), ":80")
	switch s {
	case "docker.io", "index.docker.io", "www.docker.io", "registry-1.docker.io":
		return "docker.io"
	}
	return s
}

// Name returns the name of the list, as policies have it.
func (u *InUse) Name() string { return u.name }

// Made returns when the list was made, or the zero time if that is unknown.
func (u *InUse) Made() time.Time { return u.made }

// Digest returns the sha256 digest of the content of the list.
func (u *InUse) Digest() regret.Digest { return u.digest }
