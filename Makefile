# Spotcheck: `make` alone says what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
ARGS ?=

.PHONY: help
help: ## Show this list
	@printf '%s\n' 'Spotcheck grades what inspection results say. Two commands to begin with:' \
	  '' '  make demo    build it and watch a city of results become grades and alerts' \
	  '  make test    install what the tests need and run all that CI runs' '' 'All targets:'
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

.PHONY: demo
demo: ## Build and start the demo city (make demo ARGS="--listen 127.0.0.1:9000")
	@scripts/bootstrap.sh build console fonts
	cargo run --profile demo --locked --quiet -p spotcheck -- demo $(ARGS)

.PHONY: build
build: ## Build the optimised binary, target/release/spotcheck
	@scripts/bootstrap.sh build console fonts
	cargo build --release --locked -p spotcheck

.PHONY: console
console: ## Build the web console, which the binary then embeds
	@scripts/bootstrap.sh console

.PHONY: fonts
fonts: ## Fetch the fonts of printed pages, which the binary then embeds
	@scripts/bootstrap.sh fonts

.PHONY: dashboards
dashboards: ## Write the Grafana dashboards anew from config/grafana/builder
	@scripts/bootstrap.sh grafana
	config/grafana/builder/build.sh config/grafana/dashboards

.PHONY: pictures
pictures: ## Take the pictures of docs/guides anew, by the console's test
	@scripts/bootstrap.sh build console browser provider
	cargo build --locked --quiet -p spotcheck
	cargo test --locked --quiet -p risk-tests --test it console
	cp artifacts/console/guide/*.jpg docs/guides/pictures/

.PHONY: check
check: ## The quick half of the tests: formatting and lints
	@scripts/bootstrap.sh build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Runs a command with its name before and its time after it: CI has a budget.
define timed
@printf '\n== %s\n' '$(1)'; TIMEFORMAT='== $(1): %0lR'; time { $(2); }
endef

# One profile and one feature set throughout: `--all-targets` builds the binary and the tests
# from the same dependencies, and the lints come first because they fail soonest.
.PHONY: test
test: ## Install what is missing, then run everything that CI runs
	$(call timed,install,scripts/bootstrap.sh test)
	$(call timed,formatting and lints,$(MAKE) check)
	$(call timed,documentation,$(MAKE) doc)
	$(call timed,dependencies,$(MAKE) deny)
	$(call timed,build,cargo build --workspace --all-targets --locked)
	$(call timed,tests,cargo test --workspace --locked)

# What benches/README.md reports, in its order, for a quiet machine. The environment is that of the image.
BENCH = MIMALLOC_PURGE_DELAY=-1 cargo run --release --locked --quiet -p risk-benches --
.PHONY: bench
bench: ## Measure speed and size, as ratios within one run (benches/README.md)
	@scripts/bootstrap.sh build
	@scripts/bootstrap.sh kafka
	cargo build --release --locked -p spotcheck -p risk-benches
	$(BENCH) stages --results 1000000 --enterprises 20000 --days 28
	$(BENCH) engine --results 10000000 --enterprises 333333 --days 28
	$(BENCH) refit
	$(BENCH) kafka --results 3000000 --enterprises 10000 --days 7
	$(BENCH) kafka --results 3000000 --enterprises 10000 --days 28
	$(BENCH) replay --results 10000000 --enterprises 333333 --days 7
	$(BENCH) replay --results 10000000 --enterprises 333333 --days 28
	$(BENCH) identity
	$(BENCH) packs
	$(BENCH) http
	$(BENCH) pages --results 1000000 --enterprises 333333 --days 10

.PHONY: doc
doc: ## Build the API documentation; a broken link is an error
	@scripts/bootstrap.sh build
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

.PHONY: deny
deny: ## Check dependencies: who may use what, licences, sources
	@scripts/bootstrap.sh deny
	.cache/bin/cargo-deny --log-level error check --hide-inclusion-graph bans licenses sources

.PHONY: bootstrap
bootstrap: ## Install everything that the tests need, and nothing else
	@scripts/bootstrap.sh test

.PHONY: clean
clean: ## Remove what was built and fetched
	cargo clean
	rm -rf .cache crates/risk-api/console/dist crates/risk-api/console/node_modules crates/risk-api/fonts/dist
