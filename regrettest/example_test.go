package regrettest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/regrettest"
)

// cleanUp is the tool under test in these examples: it deletes what a tag points to.
func cleanUp(ctx context.Context, registry http.RoundTripper, repository, tag string) error {
	client, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		return err
	}
	digest, err := client.ResolveDigest(ctx, repository, tag)
	if err != nil {
		return err
	}
	return client.DeleteManifest(ctx, repository, digest)
}

// Put content, run the tool under test, and ask what is left and what the tool has sent.
func Example() {
	reg := regrettest.New()
	old := reg.PutImage("team/app", regrettest.Image{Layers: []string{"old"}}, "1.0")
	reg.PutImage("team/app", regrettest.Image{Layers: []string{"new"}}, "1.1", "latest")

	err := cleanUp(context.Background(), reg, "team/app", "1.0")

	fmt.Println("error:", err)
	fmt.Println("1.0 is still there:", reg.HasManifest("team/app", old.Digest))
	fmt.Println("tags left:", len(reg.Tags("team/app")))
	for _, request := range reg.Requests() {
		fmt.Println(request.Method, request.Status)
	}
	// Output:
	// error: <nil>
	// 1.0 is still there: false
	// tags left: 2
	// HEAD 200
	// DELETE 202
}

// Test a retention policy: what would go at noon of 26 November 2026?
func Example_retention() {
	noon := time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)
	reg := regrettest.New()
	for _, days := range []int{2, 40, 90} {
		built := regrettest.Image{Created: noon.AddDate(0, 0, -days)}
		reg.PutImage("team/app", built, fmt.Sprintf("pr-%d", days))
	}
	amd64 := reg.PutImage("team/app", regrettest.Image{Platform: "linux/amd64", Created: noon.AddDate(0, 0, -50)})
	arm64 := reg.PutImage("team/app", regrettest.Image{Platform: "linux/arm64", Created: noon.AddDate(0, 0, -50)})
	reg.PutIndex("team/app", []ocispec.Descriptor{amd64, arm64}, "1.2.0", "latest")

	client, err := regret.New("registry.example.com", regret.WithTransport(reg))
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := policy.Parse([]byte(`{"version": 1,
		"remove": [{"name": "pull requests", "tags": "pr-*", "older-than": "30d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), client, "team/app", rules, &prune.ReadOptions{At: noon})
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range made.Steps() {
		fmt.Println("goes:", step.Tags)
	}
	fmt.Println("requests that write:", len(reg.Writes()))
	// Output:
	// goes: [pr-40]
	// goes: [pr-90]
	// requests that write: 0
}

// A client that wants an address gets one. Any client will do, here that of net/http.
func ExampleRegistry_Start() {
	reg := regrettest.New()
	reg.PutImage("team/app", regrettest.Image{}, "1.0", "latest")
	srv, err := reg.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	resp, err := http.Get(srv.URL + "/v2/team/app/tags/list") // references begin with srv.Host
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s %s", resp.Status, body)
	// Output:
	// 200 OK {"name":"team/app","tags":["1.0","latest"]}
}

// Does the tool cope with a registry that is not the one you develop with? Docker Hub refuses to
// delete an image by its digest as long as it has a tag.
func ExampleLookupProfile() {
	for _, name := range []string{"distribution-3", "docker-hub"} {
		profile, err := regrettest.LookupProfile(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		reg := regrettest.New(regrettest.WithProfile(profile))
		reg.PutImage("team/app", regrettest.Image{}, "1.0")

		err = cleanUp(context.Background(), reg, "team/app", "1.0")

		fmt.Println(name, "- deleted:", err == nil, "- tags left:", len(reg.Tags("team/app")))
	}
	// Output:
	// distribution-3 - deleted: true - tags left: 0
	// docker-hub - deleted: false - tags left: 1
}

// More may go than the tool has named. When Harbor deletes an index, it deletes the images that the
// index lists, and with each manifest its signatures.
func ExampleWithProfile() {
	for _, name := range []string{"spec", "harbor"} {
		profile, err := regrettest.LookupProfile(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		reg := regrettest.New(regrettest.WithProfile(profile))
		image := reg.PutImage("team/app", regrettest.Image{})
		index := reg.PutIndex("team/app", []ocispec.Descriptor{image}, "1.0")
		signature := reg.PutReferrer("team/app", index, "application/vnd.example.signature", "signed")

		if err := cleanUp(context.Background(), reg, "team/app", "1.0"); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(name, "- image:", reg.HasManifest("team/app", image.Digest),
			"- signature:", reg.HasManifest("team/app", signature.Digest))
	}
	// Output:
	// spec - image: true - signature: true
	// harbor - image: false - signature: false
}

// The response to a deletion is lost, although the image is gone. A tool that reports a failure, or
// a missing image when it tries again, has something to learn.
func ExampleRegistry_Inject() {
	reg := regrettest.New()
	reg.PutImage("team/app", regrettest.Image{}, "1.0")
	reg.Inject(1, "DELETE", "/v2/team/app/manifests/*", regrettest.LoseResponse())

	err := cleanUp(context.Background(), reg, "team/app", "1.0")

	fmt.Println("error:", err)
	for _, request := range reg.Requests() {
		fmt.Println(request.Method, request.Status, "lost:", request.Lost)
	}
	// Output:
	// error: <nil>
	// HEAD 200 lost: false
	// DELETE 202 lost: true
	// DELETE 404 lost: false
	// HEAD 404 lost: false
	// GET 404 lost: false
}

// A fault of your own: a proxy that answers every other read with a page of HTML.
func ExampleFault() {
	reads := 0
	proxy := func(w http.ResponseWriter, req *http.Request, registry http.Handler) {
		if reads++; reads%2 == 0 {
			registry.ServeHTTP(w, req)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<h1>Please log in</h1>")
	}
	reg := regrettest.New()
	reg.PutImage("team/app", regrettest.Image{}, "1.0")
	reg.Inject(0, "HEAD", "/v2/*", proxy)
	reg.Inject(0, "GET", "/v2/*", proxy)

	err := cleanUp(context.Background(), reg, "team/app", "1.0")

	fmt.Println("deleted:", err == nil)
	fmt.Println("tags left:", len(reg.Tags("team/app")))
	// Output:
	// deleted: true
	// tags left: 0
}

// Somebody pushes between two requests of the tool: it deletes the digest that it has looked up, and
// the new image stays.
func ExampleRegistry_BeforeEach() {
	reg := regrettest.New()
	reg.PutImage("team/app", regrettest.Image{Layers: []string{"old"}}, "latest")
	reg.BeforeEach(func(req *http.Request) {
		if req.Method == http.MethodDelete {
			reg.PutImage("team/app", regrettest.Image{Layers: []string{"new"}}, "latest")
		}
	})

	err := cleanUp(context.Background(), reg, "team/app", "latest")

	fmt.Println("error:", err)
	fmt.Println("tags left:", len(reg.Tags("team/app")))
	// Output:
	// error: <nil>
	// tags left: 1
}

// Two users: one may pull, the other everything.
func ExampleWithTokenAuth() {
	reg := regrettest.New(
		regrettest.WithTokenAuth("reader", "secret", regrettest.Grant{Repository: "team/*", Actions: []string{"pull"}}),
		regrettest.WithTokenAuth("admin", "secret"))
	reg.PutImage("team/app", regrettest.Image{}, "1.0")

	for _, user := range []string{"reader", "admin"} {
		client, err := regret.New("registry.example.com", regret.WithTransport(reg), regret.WithBasicAuth(user, "secret"))
		if err != nil {
			fmt.Println(err)
			return
		}
		err = client.Untag(context.Background(), "team/app", "1.0")
		fmt.Println(user, "- forbidden:", errors.Is(err, regret.ErrForbidden), "- tags left:", len(reg.Tags("team/app")))
	}
	// Output:
	// reader - forbidden: true - tags left: 1
	// admin - forbidden: false - tags left: 0
}

// What a deletion leaves to the garbage collector: distribution 2.8 then also removes the images of
// an index that stays, because they have no tags.
func ExampleRegistry_CollectGarbage() {
	profile, err := regrettest.LookupProfile("distribution-2.8")
	if err != nil {
		fmt.Println(err)
		return
	}
	reg := regrettest.New(regrettest.WithProfile(profile))
	image := reg.PutImage("team/app", regrettest.Image{})
	reg.PutIndex("team/app", []ocispec.Descriptor{image}, "1.0")

	for _, collector := range profile.Collectors {
		if err := reg.CollectGarbage(collector); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(collector, "- image:", reg.HasManifest("team/app", image.Digest))
	}
	// Output:
	// garbage-collect - image: true
	// garbage-collect --delete-untagged - image: false
}
