package cli

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// The kinds of documents that show prints, as their first member names them before its version.
const (
	kindPlan    = "plan"
	kindPlans   = "plans"
	kindReport  = "report"
	kindJournal = "journal"
)

// maxHead is how much of a file is looked at to recognise it.
const maxHead = 64 << 10

// recognise returns which kind of document begins so, as its first member says: the name of a file
// says nothing. If it is none of this project, kind is empty, and what describes it.
func recognise(head []byte) (kind, what string) {
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return "", "it is empty"
	case text[0] == '{':
		return recogniseObject(text)
	case text[0] == '[':
		return "", "it is a list in JSON"
	case text[0] == '<':
		return "", "it is a page in HTML, or another document in XML; show reads the plan that a page was made of"
	case bytes.IndexByte(text, 0) >= 0:
		return "", "it is not a text"
	case policyKeys.Match(text):
		return "", "it looks like a policy; print it with regret plan --print-policy -p"
	}
	return "", "it is not JSON"
}

// policyKeys finds the keys of a policy in YAML.
var policyKeys = regexp.MustCompile(`(?m)^(keep|remove)[ \t]*:`)

// recogniseObject is recognise for the beginning of a JSON object.
func recogniseObject(text []byte) (kind, what string) {
	d := json.NewDecoder(bytes.NewReader(text))
	_, _ = d.Token() // the brace
	members := make(map[string]bool)
	for {
		name, err := d.Token()
		key, isKey := name.(string)
		if err != nil || !isKey { // the end, or that of what there is to look at
			break
		}
		first := len(members) == 0
		members[key] = true
		var value any
		if d.Decode(&value) != nil {
			break
		}
		if form, ok := value.(string); ok && first && key == "regret" {
			kind, _, _ := strings.Cut(form, "/")
			return kind, ""
		}
	}
	switch {
	case len(members) == 0:
		return "", "it is not JSON"
	case members["regret"]:
		return "", "it does not begin with its kind, so that another program has written it anew: use the file as it was"
	case members["schemaVersion"], members["mediaType"], members["imageLayoutVersion"]:
		return "", "it is a manifest, or another document of the registry API or of an OCI layout; show takes the folder of an archive"
	case members["remove"]:
		return "", "it looks like a policy; print it with regret plan --print-policy -p"
	}
	return "", "it is JSON that no command of regret writes"
}
