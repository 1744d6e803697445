.DEFAULT_GOAL := help
.PHONY: help test race lint fuzz integration bench bench-report api ci

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## run every test of the library, in half a minute and without network
	go test ./...

race: ## the same with the race detector
	go test -race ./...

lint: ## gofmt, length of files, go vet, staticcheck, other systems, go.mod
	.ci/run format length vet staticcheck cross tidy

fuzz: ## fuzz every target for seconds, or for as long as FUZZTIME=1m says
	.ci/run fuzz

integration: ## run the library against real registries on loopback (needs docker-registry)
	cd integration && go test -count=1 ./...

bench: ## run every benchmark of the library
	go test -run '^$$' -bench . -benchmem ./...

bench-report: ## measure beside other clients and bare net/http, for more than an hour, and write bench/RESULTS.md
	cd bench && go run . report

api: ## write the exported API to the golden file; tell the CHANGELOG what changed
	go test -run PublicAPI . -update

ci: ## everything the build server runs
	.ci/run
