# The targets that people use. Each one does its own set-up, and names what it installs before it installs it.

.DEFAULT_GOAL := help
.PHONY: help demo test check bench image

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## a proxy, a portal, a practice identity provider and a practice site, on this machine
	@.ci/setup build
	@echo 'The first build takes a few minutes.'
	cargo run --locked -- demo

test: ## all tests
	@.ci/setup test
	cargo test --locked --no-fail-fast

check: ## formatting, lints, documentation, licences and advisories
	@.ci/setup build
	@.ci/check

bench: ## how fast it is, compared with its peers, a bare relay and no proxy; BENCH='--quick' for less
	@.ci/setup bench
	cargo build --release --locked
	cargo build --release --locked --manifest-path tests/bench/proxies/Cargo.toml --target-dir target/proxies
	target/proxies/release/bench $(BENCH)

image: ## the container image
	@.ci/image
