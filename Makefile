# A thin wrapper around the CMake presets and scripts/.

# Data directory of `make run`, and more options: make run ARGS="--set log.level=debug"
DATA ?= ./data
ARGS ?=
# Of `make crash`.
CRASH_KILLS ?= 2000

.DEFAULT_GOAL := help
.PHONY: build run test fuzz crash bench bench-stations lint docs clean help

build: ## build/release/varve, with what that needs installed first
	@scripts/setup.sh run
	@scripts/build.sh release

run: build ## builds, then runs the broker on 127.0.0.1 with the data directory ./data
	@exec build/release/varve serve --data $(DATA) $(ARGS)

test: ## builds with sanitizers and runs every test
	@scripts/test.sh

fuzz: ## runs each fuzz target for FUZZ_SECONDS (60)
	@scripts/fuzz.sh

crash: ## kills the broker CRASH_KILLS times (2000) under load, and counts what it had acknowledged
	@scripts/setup.sh test
	@scripts/build.sh asan
	@npm --prefix tests/e2e ci --no-progress
	@node tests/crash/run.mjs --kills $(CRASH_KILLS)

bench: build ## compares with other brokers; the table goes to bench/results/
	@scripts/setup.sh bench
	@bench/peers.sh $(ARGS)

bench-stations: build ## compares stations with JetStream; the table goes to bench/results/
	@scripts/setup.sh bench
	@cmake --build --preset release --target bench_jetstream
	@bench/stations.sh $(ARGS)

lint: ## clang-format and clang-tidy
	@scripts/lint.sh

docs: build ## brings docs/configuration.md up to date
	@scripts/docs.sh

clean: ## removes build/; data stays
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 21
