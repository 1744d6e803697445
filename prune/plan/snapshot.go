package plan

import (
	"sync"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A Snapshot is what was read of a repository. Reading fills it with the answers to what
// [Decide] asks; deciding only reads it. Its methods may be called concurrently. The order
// of the calls changes no decision.
type Snapshot struct {
	registry, repository string
	options              Options

	mu        sync.Mutex
	tags      []tag
	invalid   []string // entries of the list of tags that are no tags
	digests   digests
	nodes     []node     // by the number of the digest
	listed    []graph.ID // what indexes list, one after the other
	attests   []bool     // of each of these: the index lists it as an attestation
	blobs     digests    // configurations and layers
	blobSizes []int64
	needed    []graph.ID         // which blobs manifests need, one after the other
	configs   map[graph.ID]int64 // when images were created, by the blob that says so; 0 is unknown
	texts     texts
	namesAll  bool // a list names every digest of the repository
	noAPI     bool // there is no referrers API
}

type tag struct {
	name  string
	id    graph.ID // none until it is read
	state tagState
}

type tagState uint8

const (
	tagListed   tagState = iota
	tagRead              // it points to a manifest
	tagBroken            // it is in each list, but nothing is there
	tagVanished          // it was in one list and is in no later one
)

// A node is what is known of a manifest.
type node struct {
	size             int64
	annotated        int64 // org.opencontainers.image.created, in seconds since 1970; 0 is absent
	uploaded, pulled int64 // as a list says; 0 is unknown
	lists, blobs     span
	subject, config  graph.ID
	mediaType        textID
	artifactType     textID
	platform         textID
	flags            nodeFlag
}

// A span is a part of a slice that the snapshot shares.
type span struct{ from, n uint32 }

type nodeFlag uint16

const (
	isRead        nodeFlag = 1 << iota // its content is known
	isMissing                          // the registry does not have it
	isPresent                          // the registry has it
	isEntry                            // an index lists it, so that it should be there
	isAttestation                      // an index lists it as such
	mayList                            // something says that it is of a type that lists others
	isDated                            // its configuration may say when it was created
	isListed                           // a list of the registry names it
	isNeverPulled                      // a list says so
	hasReferrers                       // what refers to it is known
)

// Options say what a snapshot is to hold.
type Options struct {
	InUse    []*policy.InUse // the lists that the policy names
	Thorough bool            // also what refers to manifests that stay
	Sizes    bool            // also what indexes list that stay, for exact sizes
}

// NewSnapshot returns a snapshot of a repository of which nothing is known yet.
func NewSnapshot(registry, repository string, o Options) *Snapshot {
	return &Snapshot{registry: registry, repository: repository, options: o, configs: make(map[graph.ID]int64)}
}

// texts numbers texts that many manifests share, such as media types.
type texts struct {
	all []string
	ids map[string]textID
}

// A textID is the number of a text; 0 is the empty one.
type textID int32

func (t *texts) add(text string) textID {
	if text == "" {
		return 0
	}
	id, ok := t.ids[text]
	if !ok {
		if t.ids == nil {
			t.all, t.ids = []string{""}, make(map[string]textID)
		}
		id = textID(len(t.all))
		t.all = append(t.all, text)
		t.ids[text] = id
	}
	return id
}

func (t *texts) at(id textID) string {
	if id == 0 {
		return ""
	}
	return t.all[id]
}

// least returns the lesser of two texts, so that the order in which indexes are read does
// not decide if they say different things about what they list.
func (t *texts) least(a textID, text string) textID {
	if text == "" || a != 0 && t.at(a) <= text {
		return a
	}
	return t.add(text)
}
