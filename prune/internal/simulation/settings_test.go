package simulation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// settings are what a seed decides besides the repository.
type settings struct {
	profile      fakeregistry.Profile
	collector    *fakeregistry.Collector // nil if no garbage is collected
	pinned       bool                    // everything was pushed by its digest, too
	latency      time.Duration
	concurrency  int
	writes       float64 // a second
	retries      int
	quarantine   bool
	overwrite    bool // in quarantine
	verify       bool
	journal      bool
	newerLists   bool // the run gets newer in-use lists
	sameClient   bool // the client that has planned carries out the plan
	pushes       int  // percent of requests before which other clients act
	faults       int  // percent of requests that fail
	readFaults   int  // the same while the repository is read
	planInStorm  bool // other clients also act while it is read
	kills        bool // processes are killed
	fullDisks    bool
	contextsEnd  bool
	restoreTwice bool
}

// isQuiet reports whether nobody but the client under test changes the repository.
func (s *settings) isQuiet() bool { return s.pushes == 0 && s.collector == nil }

func drawSettings(rng *rand.Rand) settings {
	s := settings{
		profile:     pick(rng, fakeregistry.Profiles()...),
		pinned:      rng.IntN(2) == 0,
		latency:     pick(rng, 10*time.Millisecond, 40*time.Millisecond, 40*time.Millisecond, 12*time.Second),
		concurrency: pick(rng, 1, 1, 2, 8),
		writes:      pick(rng, 0, 0, 0, 0, 5, 0.02),
		retries:     pick(rng, 0, 1, 3),
		quarantine:  rng.IntN(5) == 0,
		overwrite:   rng.IntN(2) == 0,
		verify:      rng.IntN(4) == 0,
		journal:     rng.IntN(8) > 0,
		newerLists:  rng.IntN(2) == 0,
		sameClient:  rng.IntN(2) == 0,
		readFaults:  pick(rng, 0, 0, 4, 20),
	}
	switch rng.IntN(8) {
	case 0: // everything at once
		s.pushes, s.faults, s.kills, s.contextsEnd, s.fullDisks = 25, 5, true, rng.IntN(2) == 0, rng.IntN(4) == 0
		s.drawCollector(rng)
	case 1, 2: // other clients
		s.pushes = pick(rng, 10, 30, 80)
		s.planInStorm = rng.IntN(3) == 0
		if rng.IntN(3) == 0 {
			s.drawCollector(rng)
		}
	case 3, 4: // the process ends
		s.kills, s.fullDisks = true, rng.IntN(6) == 0
	case 5: // requests fail
		s.faults, s.contextsEnd = pick(rng, 3, 10, 30), rng.IntN(3) == 0
	case 6: // garbage is collected
		s.drawCollector(rng)
	case 7: // nothing, except that the context may end
		s.contextsEnd = rng.IntN(2) == 0
	}
	s.restoreTwice = rng.IntN(3) == 0
	return s
}

// drawCollector chooses how the registry collects garbage. What distribution 2.8 takes with
// --delete-untagged, no client can keep.
func (s *settings) drawCollector(rng *rand.Rand) {
	if all := s.profile.Collectors; len(all) > 0 {
		c := pick(rng, all...)
		if s.profile.Name != fakeregistry.Distribution2().Name || !strings.Contains(c.Name, "--delete-untagged") {
			s.collector = &c
		}
	}
}

func (s *settings) String() string {
	c := "none"
	if s.collector != nil {
		c = s.collector.Name
	}
	return fmt.Sprintf("registry %q, garbage collection %s, pinned %t, latency %v, concurrency %d, writes %v/s, retries %d, quarantine %t, overwrite %t, verify %t, journal %t, "+
		"newer lists %t, same client %t, pushes %d%%, faults %d%%, read faults %d%%, planned in the storm %t, kills %t, full disks %t, contexts end %t",
		s.profile.Name, c, s.pinned, s.latency, s.concurrency, s.writes, s.retries, s.quarantine, s.overwrite, s.verify, s.journal,
		s.newerLists, s.sameClient, s.pushes, s.faults, s.readFaults, s.planInStorm, s.kills, s.fullDisks, s.contextsEnd)
}

// newRegistry returns the registry of a seed, still empty. Referrers are where the profile has them:
// without its API where the scenario says so, unless the registry deletes along what refers to a
// manifest, for such registries have the API.
func (s *settings) options(api, google bool, extra []string) []fakeregistry.Option {
	var options []fakeregistry.Option
	cascades := false
	for _, p := range []fakeregistry.Profile{fakeregistry.Harbor(), fakeregistry.ACR(), fakeregistry.Google()} {
		cascades = cascades || p.Name == s.profile.Name
	}
	if !api && !cascades {
		options = append(options, fakeregistry.WithoutReferrersAPI())
	}
	if google {
		options = append(options, fakeregistry.WithGoogleTags())
	}
	if len(extra) > 0 && s.profile.Name != fakeregistry.Gitea().Name { // which ends a list with an empty page
		options = append(options, fakeregistry.WithExtraTags(extra...))
	}
	return append(options, fakeregistry.WithoutLog())
}
