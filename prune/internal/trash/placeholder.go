package trash

import "encoding/json"

// placeholderAnnotation marks the index that [regret.Client.UntagByOverwrite] puts under a tag
// before it deletes it.
const placeholderAnnotation = "com.github.seed-8cb7cc86.regret.placeholder"

// IsPlaceholder reports whether a manifest is what UntagByOverwrite leaves under a tag if it is
// interrupted: the tag then points to nothing that anybody needs, and is to be removed.
func IsPlaceholder(raw []byte) bool {
	var index struct {
		Manifests   []json.RawMessage `json:"manifests"`
		Annotations map[string]string `json:"annotations"`
	}
	return json.Unmarshal(raw, &index) == nil && len(index.Manifests) == 0 && index.Annotations[placeholderAnnotation] != ""
}
