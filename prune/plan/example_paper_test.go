package plan_test

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A plan prints as a tree: what goes with all that belongs to it, what stays although a
// rule wants it, and how much more stays.
func ExamplePlan_String() {
	file, err := os.Open("testdata/acme.json")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	p, err := plan.Read(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(p)
	// Output:
	// registry.example.com/acme/app   keep 14   remove 3 and 1 other (6 tags)   frees at most 605.0 MiB, after garbage collection
	// ├─ 2.0.0-rc.1                                    image  130 d  remove    old candidates: older than 60d
	// ├─ 2.0.0-rc.2                                    image  120 d  remove    old candidates: older than 60d
	// ├─ pr-1201                                       index   91 d  remove    pull requests: older than 30d
	// │  ├─ linux/amd64                                              remove    only what goes lists it
	// │  ├─ linux/arm64                                              keep      also in 1.9.0
	// │  ├─ attestation                                              remove    only what goes lists it
	// │  ├─ sha256:283bb9deef02                                      missing   it is listed, but it is not there
	// │  ├─ SBOM                                                     remove    what it belongs to goes
	// │  └─ signature                                                remove    what it belongs to goes
	// ├─ regret-trash-20261001-0123abcd-3391bdc10351   trash         remove    trash: older than 14d
	// ├─ build-7                                       image         untag     builds
	// ├─ build-7, main                                 image         keep      shared with main
	// ├─ nightly-20260101                              image      ?  keep      no usable date
	// ├─ pr-1188                                       image   64 d  keep      pr-1188-sbom refers to it and stays
	// └─ 11 more kept
	// 1 image without a usable date
}

// A plan can be written, reviewed, and read again where it is carried out. Its digest is
// that of the file. A plan that was edited is refused.
func ExampleRead() {
	paper, err := os.ReadFile("testdata/acme.json")
	if err != nil {
		log.Fatal(err)
	}
	p, err := plan.Read(bytes.NewReader(paper))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the digest is that of the file:", p.Digest() == digest.FromBytes(paper))

	edited := bytes.Replace(paper, []byte("pr-1201"), []byte("pr-1202"), 1)
	_, err = plan.Read(bytes.NewReader(edited))
	fmt.Println(err)
	// Output:
	// the digest is that of the file: true
	// malformed plan at /content: the plan was edited or formatted anew after it was made; make a new one
}

// The same plan always gives the same bytes, with a line for each step and for each
// manifest that stays.
func ExamplePlan_WriteTo() {
	paper, err := os.ReadFile("testdata/acme.json")
	if err != nil {
		log.Fatal(err)
	}
	p, err := plan.Read(bytes.NewReader(paper))
	if err != nil {
		log.Fatal(err)
	}
	var again bytes.Buffer
	if _, err := p.WriteTo(&again); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Equal(paper, again.Bytes()))
	// Output: true
}
