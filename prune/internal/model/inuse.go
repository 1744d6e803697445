package model

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// An inUseList is what a keep rule with a file says of this repository.
type inUseList struct {
	rule    string
	tags    []string
	digests []string
}

// holds reports whether a list names a manifest: by a tag, by its digest or by that of its config.
func (l inUseList) holds(s *scenario, m *manifest) bool {
	if slices.ContainsFunc(m.Tags, func(tag string) bool { return slices.Contains(l.tags, tag) }) {
		return true
	}
	content := s.Content(m.ID)
	return slices.Contains(l.digests, content.Manifest.Descriptor.Digest.String()) ||
		content.Config != nil && slices.Contains(l.digests, content.Config.Descriptor.Digest.String())
}

// isInUse reports whether any list names a manifest.
func (s *scenario) isInUse(m *manifest) bool {
	return slices.ContainsFunc(s.inUse, func(l inUseList) bool { return m.there && l.holds(s, m) })
}

// isReadAsInUse reports whether a manifest is read because a list names its digest. The digest of a
// config does not lead to its manifest.
func (s *scenario) isReadAsInUse(m *manifest) bool {
	return m.there && slices.ContainsFunc(s.inUse, func(l inUseList) bool {
		return slices.Contains(l.digests, s.Digest(m.ID).String())
	})
}

// readInUse reads the in-use lists of the policy.
func (s *scenario) readInUse() *cases.Error {
	for _, r := range s.policy.Keep {
		if r.File == "" {
			continue
		}
		list, detail := s.inUseOf(r)
		if detail != "" {
			return &cases.Error{Kind: cases.ErrorInUse, Rule: r.Name, Detail: detail}
		}
		s.inUse = append(s.inUse, list)
	}
	return nil
}

func (s *scenario) inUseOf(r Rule) (l inUseList, detail string) {
	file, ok := s.Files[r.File]
	if !ok {
		return l, "missing"
	}
	l.rule = r.Name
	registries := append([]string{cases.Registry}, r.Registries...)
	made, lines, ours := file.Modified, 0, 0
	for line := range strings.Lines(strings.TrimPrefix(file.Content, "\ufeff")) {
		line = strings.TrimSpace(line)
		if at, ok := strings.CutPrefix(line, "# made "); ok {
			if t, err := time.Parse(time.RFC3339, strings.TrimSpace(at)); err == nil {
				made = t
			}
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		ref, ok := parseReference(line)
		switch {
		case !ok:
			return l, "malformed"
		case ref.digest != "":
			ours++
			l.digests = append(l.digests, ref.digest)
		case slices.Contains(registries, ref.registry):
			ours++
			if ref.repository == s.Repository {
				l.tags = append(l.tags, ref.tag)
			}
		}
	}
	maxAge := "24h"
	if r.MaxAge != "" {
		maxAge = r.MaxAge
	}
	switch {
	case lines == 0:
		return l, "empty"
	case ours == 0:
		return l, "foreign"
	case made.Before(s.ago(maxAge)):
		return l, "stale"
	}
	return l, ""
}

type reference struct{ registry, repository, tag, digest string }

var (
	digestForm    = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	referenceForm = regexp.MustCompile(`^(?:([^/]+)/)?([a-z0-9]+(?:[._/-][a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?(?:@(\S+))?$`)
)

// parseReference reads a line of an in-use list. A short name means Docker Hub.
func parseReference(line string) (ref reference, ok bool) {
	line = strings.TrimPrefix(line, "docker-pullable://")
	if digestForm.MatchString(line) {
		return reference{digest: line}, true
	}
	parts := referenceForm.FindStringSubmatch(line)
	if parts == nil || parts[4] != "" && !digestForm.MatchString(parts[4]) {
		return ref, false
	}
	ref = reference{registry: parts[1], repository: parts[2], tag: parts[3], digest: parts[4]}
	if !strings.ContainsAny(ref.registry, ".:") && ref.registry != "localhost" {
		ref.repository = strings.TrimPrefix(ref.registry+"/"+ref.repository, "/")
		ref.registry = "docker.io"
	}
	if ref.tag == "" {
		ref.tag = "latest"
	}
	return ref, true
}
