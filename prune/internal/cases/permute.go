package cases

import (
	"math/rand/v2"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Permuted returns the same case in another order: of the manifests, of the tags of each, of the
// list of tags and its pages, and of the rules of the policy. What must be planned stays the same,
// byte for byte. The same seed results in the same order.
func (c *Case) Permuted(seed uint64) *Case {
	random := rand.New(rand.NewPCG(seed, 1))
	permuted := *c
	permuted.Manifests = shuffled(random, c.Manifests)
	for i, m := range permuted.Manifests {
		permuted.Manifests[i].Tags = shuffled(random, m.Tags)
	}
	permuted.Policy = shuffledRules(random, c.Policy)
	if c.Faults.List == "" && c.Faults.Entries == nil {
		// A list that is cut off must stay so, and an entry that is there twice must stay on one page.
		permuted.order = &seed
		permuted.PageSize = 1 + random.IntN(len(c.Manifests)+2)
	}
	return &permuted
}

// shuffled returns a copy of a list in random order.
func shuffled[T any](random *rand.Rand, list []T) []T {
	list = slices.Clone(list)
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// shuffledRules returns a policy with its keep rules and its remove rules in random order. It
// returns a policy that is not such a document as it is.
func shuffledRules(random *rand.Rand, policy jsontext.Value) jsontext.Value {
	var members map[string]jsontext.Value
	if json.Unmarshal(policy, &members) != nil {
		return policy
	}
	for _, key := range []string{"keep", "remove"} {
		var rules []jsontext.Value
		if members[key] == nil || json.Unmarshal(members[key], &rules) != nil {
			continue
		}
		list, err := json.Marshal(shuffled(random, rules))
		if err != nil {
			return policy
		}
		members[key] = list
	}
	document, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return policy
	}
	return document
}
