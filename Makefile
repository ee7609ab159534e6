# A thin wrapper around the CMake presets and scripts/.

# Data directory of `make run`, and more options: make run ARGS="--set log.level=debug"
DATA ?= ./data
ARGS ?=
# Of `make crash`.
CRASH_KILLS ?= 2000
# Of `make outage`.
OUTAGE_SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: build run test fuzz histories crash outage bench bench-stations bench-tier bench-sink bench-rules lint docs package test-package clean help

build: ## build/release/varve, with what that needs installed first
	@scripts/setup.sh run
	@scripts/build.sh release

run: build ## builds, then runs the broker on 127.0.0.1 with the data directory ./data
	@exec build/release/varve serve --data $(DATA) $(ARGS)

test: ## builds with sanitizers and runs every test
	@scripts/test.sh

fuzz: ## runs each fuzz target for FUZZ_SECONDS (60)
	@scripts/fuzz.sh

histories: ## goes through HISTORIES (2000) random histories of log, stores, tables and second tier
	@scripts/histories.sh

crash: ## kills the broker CRASH_KILLS times (2000) under load, and counts what it had acknowledged
	@scripts/setup.sh test
	@scripts/build.sh asan
	@npm --prefix tests/e2e ci --no-progress
	@node tests/crash/run.mjs --kills $(CRASH_KILLS)

outage: ## stores that are away for minutes, OUTAGE_SECONDS (600) in all, and a broker that is killed meanwhile
	@scripts/setup.sh test
	@scripts/build.sh asan
	@npm --prefix tests/e2e ci --no-progress
	@node tests/outage/run.mjs --seconds $(OUTAGE_SECONDS)

bench: build ## compares with other brokers; the table goes to bench/results/
	@scripts/setup.sh bench
	@bench/peers.sh $(ARGS)

bench-stations: build ## compares stations with JetStream; the table goes to bench/results/
	@scripts/setup.sh bench
	@cmake --build --preset release --target bench_jetstream
	@bench/stations.sh $(ARGS)

bench-tier: build ## compares the second tier with bare S3 clients and DuckDB; the table goes to bench/results/
	@scripts/setup.sh bench
	@cmake --build --preset release --target bench_s3
	@npm --prefix tests/e2e ci --no-progress --prefer-offline
	@bench/tier.sh $(ARGS)

bench-sink: build ## compares actions with a bare S3 client; the table goes to bench/results/
	@scripts/setup.sh bench
	@cmake --build --preset release --target bench_s3
	@bench/sink.sh $(ARGS)

bench-rules: build ## measures what a rule costs the broker; the table goes to bench/results/
	@scripts/setup.sh bench
	@cmake --build --preset release --target bench_rules
	@bench/rules.sh $(ARGS)

lint: ## clang-format and clang-tidy
	@scripts/lint.sh

package: ## the Debian package, build/release/varve_*.deb
	@scripts/package.sh

test-package: ## installs that package on a copy of this machine, uses, upgrades and purges it (root)
	@scripts/test.sh package

docs: build ## brings docs/cli.md, docs/configuration.md and docs/sql/functions.md up to date
	@scripts/docs.sh

clean: ## removes build/; data stays
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 21
