package plan

import "github.com/seed-8cb7cc86/regret"

// References are what a manifest or an index leads to.
type References struct {
	Manifests []regret.Descriptor // that an index lists
	Blobs     []regret.Descriptor // configuration and layers
	Config    regret.Digest       // one of the blobs; empty if there is none
	Subject   regret.Digest       // what it refers to; empty if it refers to nothing
}

// ReadReferences reads what the content of a manifest or an index leads to, whatever its
// media type is.
func ReadReferences(content []byte) (References, error) {
	c, err := parseContent(content)
	if err != nil {
		return References{}, err
	}
	var r References
	add := func(to *[]regret.Descriptor, e *entry) {
		*to = append(*to, regret.Descriptor{MediaType: e.MediaType, Digest: e.Digest, Size: e.Size, URLs: e.URLs})
	}
	for i := range c.Manifests {
		add(&r.Manifests, &c.Manifests[i])
	}
	if c.Config != nil {
		add(&r.Blobs, c.Config)
		r.Config = c.Config.Digest
	}
	for i := range c.Layers {
		add(&r.Blobs, &c.Layers[i])
	}
	if c.Subject != nil {
		r.Subject = c.Subject.Digest
	}
	return r, nil
}
