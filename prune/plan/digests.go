package plan

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// digests numbers digests, so that a repository with millions of manifests fits into
// memory: 32 bytes each instead of a string and its header.
type digests struct {
	sums  sums
	other map[graph.ID]regret.Digest // those that are not sha256; their sums are those of the text
	begin map[string][]graph.ID      // of other: by algorithm and the digits that companion tags have
}

// none is the number of no digest.
const none graph.ID = -1

// add returns the number of a digest, which must be valid.
func (d *digests) add(dgst regret.Digest) graph.ID {
	sum := sumOf(dgst)
	id, isNew := d.sums.add(&sum)
	if !isNew {
		return id
	}
	if dgst.Algorithm() != digest.SHA256 {
		if d.other == nil {
			d.other, d.begin = make(map[graph.ID]regret.Digest), make(map[string][]graph.ID)
		}
		d.other[id] = dgst
		begin := beginning(dgst.Algorithm(), dgst.Encoded())
		d.begin[begin] = append(d.begin[begin], id)
	}
	return id
}

func (d *digests) find(dgst regret.Digest) (graph.ID, bool) {
	sum := sumOf(dgst)
	return d.sums.find(&sum)
}

func (d *digests) at(id graph.ID) regret.Digest {
	if dgst, ok := d.other[id]; ok {
		return dgst
	}
	return digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(d.sums.all[id][:]))
}

// compare orders digests as their texts are ordered.
func (d *digests) compare(a, b graph.ID) int {
	if len(d.other) > 0 {
		return cmp.Compare(d.at(a), d.at(b))
	}
	return bytes.Compare(d.sums.all[a][:], d.sums.all[b][:])
}

// beginsWith returns the digests of an algorithm that begin with the digits of a companion
// tag.
func (d *digests) beginsWith(algorithm digest.Algorithm, digits string) []graph.ID {
	if algorithm != digest.SHA256 {
		return d.begin[beginning(algorithm, digits)]
	}
	if id, ok := d.find(digest.NewDigestFromEncoded(algorithm, digits)); ok {
		return []graph.ID{id}
	}
	return nil
}

func beginning(algorithm digest.Algorithm, digits string) string {
	return string(algorithm) + ":" + digits[:min(companionDigits, len(digits))]
}

func sumOf(dgst regret.Digest) (sum [sumSize]byte) {
	if dgst.Algorithm() != digest.SHA256 {
		return sha256.Sum256([]byte(dgst))
	}
	decoded, err := hex.DecodeString(dgst.Encoded())
	if err != nil || len(decoded) != len(sum) {
		return sha256.Sum256([]byte(dgst))
	}
	return [sumSize]byte(decoded)
}
