package credentials

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
)

// A configFile is one parsed configuration. Its maps are keyed by what normalizeKey returns.
//
// What is wrong with one entry or with the name of one helper is not an error of the file: it is an
// error only of the look-ups that need that entry or helper.
type configFile struct {
	name    string                 // for errors; the path of the file
	err     error                  // why the file could not be read; every look-up in it fails
	entries map[string][]authEntry // by host or repository, the preferred spelling of the key first
	helpers map[string]helper      // by host; an empty name means that no helper is used, not even the store
	store   helper                 // the helper for all other hosts
}

// A helper is the name of a helper program, or what is wrong with it.
type helper struct {
	key  string // of credHelpers, as it is spelled in the file; empty for the store
	name string
	err  error
}

// A format says how the text of a configuration is read.
type format int

const (
	currentFormat  format = iota // {"auths":{…}}, or the old format if it looks like it
	legacyFormat                 // ~/.dockercfg, which is {"host":{…}}
	variableFormat               // the content of an environment variable
)

// parseConfigFile parses a configuration. Its errors contain nothing of the content.
//
// Like docker, it takes an empty text for an empty configuration, ignores the fields of docker's
// other settings whatever their type is, and reads only the first JSON value of a file. Docker
// refuses a second one in the environment variable.
func parseConfigFile(name string, raw []byte, format format) (*configFile, error) {
	file := &configFile{name: name}
	fields, err := decodeObject(raw, format)
	if err != nil || len(fields) == 0 {
		return file, err
	}
	var wire struct {
		Auths       map[string]json.RawMessage `json:"auths"`
		CredHelpers map[string]json.RawMessage `json:"credHelpers"`
		CredsStore  json.RawMessage            `json:"credsStore"`
	}
	_, hasAuths := fieldOf(fields, "auths")
	old := format == legacyFormat && !hasAuths || !hasKnownKey(fields) && hasAuthEntry(fields)
	switch {
	case old:
		wire.Auths = fields
	case !hasKnownKey(fields):
		return nil, errors.New("has none of the known keys of a configuration, such as auths and credHelpers")
	default:
		for key, into := range map[string]any{"auths": &wire.Auths, "credHelpers": &wire.CredHelpers, "credsStore": &wire.CredsStore} {
			if value, ok := fieldOf(fields, key); ok && json.Unmarshal(value, into) != nil {
				return nil, fmt.Errorf("not the JSON of a docker configuration: %s is not an object", key)
			}
		}
	}
	file.addEntries(wire.Auths, old)
	file.addHelpers(wire.CredHelpers)
	file.store = parseHelper("", wire.CredsStore)
	return file, nil
}

// decodeObject returns the fields of the first JSON value of a text. White space has none.
func decodeObject(raw []byte, format format) (map[string]json.RawMessage, error) {
	malformed := errors.New("not the JSON of a docker configuration") // the json package's error may quote the content
	if format == variableFormat {
		malformed = errors.New("not the JSON of a docker configuration; the variable holds the configuration itself, not a path")
	}
	var fields map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&fields); err != nil && !errors.Is(err, io.EOF) {
		return nil, malformed
	}
	if format == variableFormat && d.More() {
		return nil, malformed
	}
	return fields, nil
}

// fieldOf returns the field that encoding/json would take: the exact name, or else the name in
// another case.
func fieldOf(fields map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	if value, ok := fields[name]; ok {
		return value, true
	}
	for _, key := range preferred(fields) {
		if strings.EqualFold(key, name) {
			return fields[key], true
		}
	}
	return nil, false
}

// knownKeys are the settings of docker's config.json, of this version and of earlier ones, in lower
// case. A file that has at least one of them is a configuration, with credentials or without.
var knownKeys = lowerCaseSet(`auths credHelpers credsStore
	HttpHeaders psFormat imagesFormat networksFormat pluginsFormat volumesFormat statsFormat detachKeys
	serviceInspectFormat servicesFormat tasksFormat secretFormat configFormat nodesFormat pruneFilters
	proxies currentContext cliPluginsExtraDirs plugins aliases features
	experimental stackOrchestrator kubernetes`)

func lowerCaseSet(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(strings.ToLower(names)) {
		set[name] = true
	}
	return set
}

func hasKnownKey(fields map[string]json.RawMessage) bool {
	for key := range fields {
		if knownKeys[strings.ToLower(key)] {
			return true
		}
	}
	return false
}

// hasAuthEntry reports whether an object is the old format: the object that is the value of auths
// today. The secrets of Kubernetes' type kubernetes.io/dockercfg still have it.
func hasAuthEntry(fields map[string]json.RawMessage) bool {
	for value := range maps.Values(fields) {
		if isAuthEntry(value) {
			return true
		}
	}
	return false
}

// addEntries parses the field auths. A key of the old format is a host, whatever its path is.
func (f *configFile) addEntries(auths map[string]json.RawMessage, old bool) {
	f.entries = make(map[string][]authEntry, len(auths))
	for _, key := range preferred(auths) {
		cred, err := parseAuthEntry(auths[key])
		normalized := normalizeKey(key)
		if old {
			normalized, _, _ = splitKey(key)
		}
		f.entries[normalized] = append(f.entries[normalized], authEntry{key: key, cred: cred, err: err})
	}
}

func (f *configFile) addHelpers(helpers map[string]json.RawMessage) {
	f.helpers = make(map[string]helper, len(helpers))
	for _, key := range preferred(helpers) {
		host := normalizeKey(key)
		if _, known := f.helpers[host]; !known {
			f.helpers[host] = parseHelper(key, helpers[key])
		}
	}
}

func parseHelper(key string, raw json.RawMessage) helper {
	h := helper{key: key}
	if raw == nil {
		return h
	}
	if json.Unmarshal(raw, &h.name) != nil {
		h.err = errors.New("the name of the helper is not a string")
	} else if h.name != "" {
		h.err = checkHelperName(h.name)
	}
	return h
}
