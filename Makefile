# All commands of the project. CI runs some of them (.ci/run).

PYTHON ?= python3
PREFIX ?= /usr/local
PROFILE := release

VENV    := .venv
BIN     := $(VENV)/bin
SERVERS := target/servers
C       := target/c
ARM     := target/aarch64
CRATES  := -p dataclay-metrics-core -p dataclay-metrics-ffi
# Only one command at a time may install into the environment, also under `make --jobs`.
ONE_AT_A_TIME := flock $(VENV)/lock
PUBLISHED := $(CRATES) -p dataclay-metrics-python
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# The files that users install contain no path of the machine that built them.
REMAP = --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=cargo \
	--remap-path-prefix=$(shell rustc --print sysroot)=rust

.PHONY: help demo screenshots stack outlive release test test-packages test-ready test-wheel reproducible loom stress fuzz bench bench-against bench-python bench-c wheel \
	install-c c-library check check-rust check-python check-words msrv fmt build extension clean
.DELETE_ON_ERROR:

help: ## List these targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

HELP := $(filter -h --help,$(ARGS))
demo: ## Run the demo; pass arguments with ARGS="--seconds 5"
ifneq ($(HELP),)
	@$(PYTHON) python/dataclay_metrics/commands/demo/options.py $(ARGS)
else
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/ready extension
	@$(BIN)/python -m dataclay_metrics demo $(ARGS)
endif

screenshots: build $(VENV)/dev $(SERVERS)/ready ## Take the pictures of the live page in docs/
	@PATH="$(CURDIR)/$(SERVERS)/bin:$$PATH" $(BIN)/python tests/python/screenshots.py

# One `Name: command...` for each suite. All suites run at once, and the report ends with their
# counts. pytest has four processes, because most tests wait. Tests that measure time run last.
PYTEST := $(BIN)/python -X dev -m pytest tests/python
test: test-ready ## Run all tests of all languages
	@PATH="$(CURDIR)/$(SERVERS)/bin:$(CURDIR)/$(C)/tools/bin:$(CURDIR)/$(BIN):$$PATH" \
	EXTENSION_RUSTFLAGS="$(REMAP) $(RUSTFLAGS)" $(BIN)/python tests/report.py \
		Rust: cargo test --no-fail-fast \
		Python: $(PYTEST) -m "not timed" --dist loadfile --tx "4*popen//python=$(BIN)/python -X dev" \
		Python-threads: $(BIN)/pytest -q --at-once=10 tests/python \
		C: $(BIN)/python tests/c/run.py $(C) \
		then Python: $(PYTEST) -m timed -n 2 --dist loadfile

stack: build $(VENV)/dev $(SERVERS)/ready ## Run dataClay, Prometheus and Pushgateway until Ctrl-C
	@PATH="$(CURDIR)/$(SERVERS)/bin:$$PATH" $(BIN)/python tests/python/whole_stack.py

outlive: build $(VENV)/dev $(SERVERS)/ready ## Compare counts with dataClay's log; ARGS=--help
	@PATH="$(CURDIR)/$(SERVERS)/bin:$$PATH" PYTHONPATH=tests/python:benches $(BIN)/python benches/outlive $(ARGS)

# All steps before the tests. CI runs them during the checks, to download while it compiles.
test-ready: build c-library $(VENV)/dev $(SERVERS)/ready $(C)/ready target/dataclay/ready \
	target/prometheus_client/ready
	cargo test --no-run

test-packages: build $(SERVERS)/ready target/packages/ready ## Run popular packages on this one
	@PATH="$(CURDIR)/$(SERVERS)/bin:$$PATH" $(BIN)/python tests/packages.py target/packages

test-wheel: wheel $(SERVERS)/ready ## Test the wheel in a clean environment of every CPython here
	@PATH="$(CURDIR)/$(SERVERS)/bin:$$PATH" tests/wheel.sh dist $(BIN)/python

reproducible: wheel ## Build the wheel again in another folder, and compare the bytes
	tests/reproducible.sh dist

loom: ## Try the interleavings of the block protocol, in small models
	cargo test --release -p dataclay-metrics-tests --features loom --test loom

stress: ## Run the counting tests in release, for SECONDS (10) and with PROCESSES (3000)
	STRESS_SECONDS=$(or $(SECONDS),10) cargo test --release -p dataclay-metrics-tests \
		--test stress --test torn --test oracle --test counting --test allocations
	SEGMENT_PROCESSES=$(or $(PROCESSES),3000) SEGMENT_AT_ONCE=16 cargo test --release \
		-p dataclay-metrics-tests --test killed -- --nocapture --test-threads 1 random

# libFuzzer needs coverage. These flags of the stable compiler add it to the fuzz target only, while
# cargo-fuzz needs a nightly compiler.
COVERAGE := --cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module \
	$(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table trace-compares)

fuzz: ## Fuzz the HTTP request and the grouping key, for SECONDS (60) each
	@for target in request grouping_key; do \
		mkdir -p target/fuzz/corpus/$$target && \
		CARGO_PROFILE_RELEASE_LTO=off RUSTFLAGS="$(COVERAGE)" cargo run --release \
			--target $$(rustc -vV | sed -n 's/host: //p') --target-dir target/fuzz \
			-p dataclay-metrics-tests --features fuzz --bin fuzz_$$target -- \
			-max_total_time=$(or $(SECONDS),60) -max_len=9000 -dict=tests/fuzz/$$target.dict -artifact_prefix=target/fuzz/ \
			-print_final_stats=1 target/fuzz/corpus/$$target || exit; \
	done

bench: ## Run all benchmarks and write benches/RESULTS.md; QUICK=--quick ROUNDS=1 for a look
	$(PYTHON) benches/report.py $(QUICK) $(ROUNDS)
	$(MAKE) bench-python bench-c
	$(PYTHON) benches/readme.py

bench-against: ## Compare core with that of revision BASE in one run of ROUNDS (200) rounds
	$(PYTHON) benches/against.py $(BASE) $(ROUNDS)

# compileall compiles for each interpreter. pip compiles for one, and the others would compile at
# the first import.
bench-python: wheel ## Run the Python benchmarks on every CPython here
	rm -rf target/bench-python
	$(BIN)/pip install --quiet --constraint python/requirements-dev.txt --target target/bench-python \
		--no-index --find-links dist --no-deps dataclay-metrics
	$(BIN)/pip install --quiet --constraint python/requirements-dev.txt --target target/bench-python \
		prometheus_client
	@pythons=$$($(BIN)/python tests/interpreters.py) && for python in $$pythons; do \
		"$$python" -m compileall -q target/bench-python || exit; \
	done && PYTHONPATH=target/bench-python $(PYTHON) benches/report_python.py $(QUICK) $$pythons

# zig links against glibc 2.17, so the wheel runs on each system that Rust's standard library
# supports. maturin checks this before it names the wheel. libgcc_s replaces zig's unwinder, because
# glibc unwinds by libgcc_s when CPython ends a thread. Two unwinders on one stack crash.
# For another processor: TARGET=aarch64-unknown-linux-gnu LIBGCC=/path/to/its/libgcc_s.so.1.
LIBGCC = $(shell $(CC) -print-file-name=libgcc_s.so.1)
# A commit builds the same bytes on every machine. So files have the time of the commit, and REMAP
# changes the paths in panics.
wheel: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)
wheel: $(VENV)/wheel ## Build the Python wheel and source distribution into dist/
	$(if $(KEEP),,rm -f dist/dataclay_metrics-*)
	mkdir -p target/libgcc && ln -sf "$(LIBGCC)" target/libgcc/libgcc_s.so.1
	PATH="$(CURDIR)/$(BIN):$$PATH" \
	RUSTFLAGS="$(REMAP) -L native=$(CURDIR)/target/libgcc -l dylib:+verbatim=libgcc_s.so.1" \
	$(BIN)/maturin build --release --zig --compatibility manylinux2014 \
		--manifest-path python/Cargo.toml --interpreter $(BIN)/python --out dist \
		$(if $(TARGET),--target $(TARGET))
	$(BIN)/maturin sdist --manifest-path python/Cargo.toml --out dist

# The steps before and after are in CONTRIBUTING.md. cargo refuses a work tree with changes.
release: $(VENV)/release $(ARM)/ready ## Build and check all files of a release; upload none
	rm -rf dist
	$(MAKE) wheel KEEP=1 TARGET=aarch64-unknown-linux-gnu LIBGCC=$(CURDIR)/$(ARM)/libgcc_s.so.1
	$(MAKE) wheel KEEP=1
	$(BIN)/twine check --strict dist/*
	cargo package $(CRATES) --target-dir target/crates
	cargo publish --dry-run --no-verify $(CRATES) --target-dir target/crates
	cp $(foreach crate,core ffi,target/crates/package/dataclay-metrics-$(crate)-$(VERSION).crate) dist/
	$(BIN)/python tests/sbom.py $(subst -p ,,$(PUBLISHED)) >dist/dataclay-metrics-$(VERSION).cdx.json
	$(BIN)/python tests/sbom.py --check dist/dataclay-metrics-$(VERSION).cdx.json
	cd dist && sha256sum * | tee SHA256SUMS

bench-c: c-library ## Measure an increment and an observation through the C ABI
	cc -std=c99 -O2 -shared -fPIC -pthread -o $(C)/libpeers.so ffi/benches/peers.c
	cc -std=c99 -O2 -pthread -Iffi/include -o $(C)/increment ffi/benches/increment.c -ldl
	$(PYTHON) benches/report_c.py $(C)/increment $(C)/prefix/lib/libdataclay_metrics.so $(C)/libpeers.so

# cargo prints the directory of the libraries, which depends on settings such as CARGO_TARGET_DIR.
install-c: export PREFIX := $(PREFIX)
install-c: export RUSTFLAGS := $(REMAP) $(RUSTFLAGS)
install-c: ## Build and install the C library; PREFIX=/usr/local by default
	@built=$$(cargo build --release -p dataclay-metrics-ffi --message-format json-render-diagnostics | \
		sed -n 's|.*"\([^"]*\)/libdataclay_metrics\.so".*|\1|p') && ffi/install.sh "$$built" "$$PREFIX"

# The tests use the installed library, as users do.
c-library:
	@$(MAKE) --no-print-directory install-c PREFIX="$(CURDIR)/$(C)/prefix" DESTDIR= LIBDIR=lib

check: check-words check-rust check-python msrv ## Run every check that needs no test

check-rust: export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
check-rust: $(VENV)/maturin ## Check format, lints and documentation of the Rust code
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p dataclay-metrics-tests --features loom --test loom -- -D warnings
	for feature in "" http push https process prometheus; do \
		cargo clippy -p dataclay-metrics-core --no-default-features --features "$$feature" -- -D warnings || exit; \
	done
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

check-python: build $(VENV)/dev ## Check format, lints, types and stubs of the Python code
	$(BIN)/ruff format --check python tests benches ffi
	$(BIN)/ruff check python tests benches ffi
	$(BIN)/mypy --strict --config-file python/pyproject.toml python/dataclay_metrics tests/python tests/report.py \
		tests/interpreters.py tests/architecture.py tests/arrows.py tests/rust_source.py tests/words.py \
		tests/prose.py tests/stub.py tests/sbom.py tests/packages.py tests/c ffi/examples
	MYPYPATH=python $(BIN)/stubtest dataclay_metrics._native

check-words: ## Check the language of comments, strings and pages, as far as a program can
	@$(PYTHON) tests/words.py

msrv: ## Compile the published crates with the oldest supported Rust
	@tests/msrv.sh $(PUBLISHED) --features dataclay-metrics-core/https

fmt: $(VENV)/dev ## Format the Rust and the Python code
	cargo fmt --all
	$(BIN)/ruff check --fix-only python tests benches ffi
	$(BIN)/ruff format python tests benches ffi

# This runs every time, because cargo and maturin know what has changed. -u hides conda's
# environment, because maturin refuses to choose between two environments.
build: export RUSTFLAGS := $(REMAP) $(RUSTFLAGS)
build: $(VENV)/maturin ## Build the extension and install it into .venv, in place
	@env -u CONDA_PREFIX VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(ONE_AT_A_TIME) \
	$(BIN)/maturin develop --profile $(PROFILE) --manifest-path python/Cargo.toml

# Builds only the extension, for the demo. cargo runs while pip installs maturin. cargo prints the
# path of the library. `install` replaces the old one even if a running process uses it.
extension: export RUSTFLAGS := $(REMAP) $(RUSTFLAGS)
extension: export PYO3_PYTHON := $(PYTHON)
extension: export PYO3_BUILD_EXTENSION_MODULE := 1
extension:
	@built=$$(cargo build --profile demo -p dataclay-metrics-python --message-format json-render-diagnostics | \
		sed -n 's|.*"\([^"]*/lib_native\.so\)".*|\1|p') && \
		install "$$built" python/dataclay_metrics/_native.abi3.so

clean: ## Remove all files that these commands made
	cargo clean
	rm -rf target $(VENV) dist python/dataclay_metrics/*.so
	find . -name __pycache__ -o -name '.*_cache' | xargs rm -rf

# The files below record what is installed. The demo imports the package from python/, and also
# measures prometheus_client.
$(VENV)/ready: python/requirements-dev.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --constraint $< prometheus_client
	@echo "$(CURDIR)/python" >"$$($(BIN)/python -c 'import site; print(*site.getsitepackages())')/demo.pth"
	@touch $@

$(VENV)/maturin: python/requirements-dev.txt $(VENV)/ready
	$(BIN)/pip install --quiet --constraint $< maturin
	@touch $@

$(VENV)/wheel: $(VENV)/maturin python/requirements-wheel.txt
	$(BIN)/pip install --quiet --requirement python/requirements-wheel.txt
	@touch $@

$(VENV)/release: $(VENV)/wheel python/requirements-release.txt
	$(BIN)/pip install --quiet --requirement python/requirements-release.txt
	@touch $@

$(VENV)/dev: $(VENV)/maturin python/requirements-dataclay.txt
	$(ONE_AT_A_TIME) $(BIN)/pip install --quiet --requirement python/requirements-dev.txt --requirement python/requirements-dataclay.txt
	@touch $@

$(ARM)/ready: tests/unpack-debs.sh
	tests/unpack-debs.sh $(ARM) libgcc-s1-arm64-cross
	ln -s root/usr/aarch64-linux-gnu/lib/libgcc_s.so.1 $(ARM)/
	rustup target add aarch64-unknown-linux-gnu
	@touch $@

$(C)/ready: tests/c/tools.sh tests/unpack-debs.sh
	tests/c/tools.sh $(C)/tools
	@touch $@

target/dataclay/ready: tests/python/environments.py python/requirements-dataclay.txt | $(VENV)/maturin
	$(BIN)/python $<
	@touch $@

target/packages/ready: tests/packages.txt
	$(PYTHON) -m venv --clear target/packages
	target/packages/bin/pip install --quiet --requirement $<
	@touch $@

target/prometheus_client/ready: tests/python/upstream.py | $(VENV)/maturin
	$(BIN)/python $<
	@touch $@

$(SERVERS)/ready: tests/servers.sh tests/unpack-debs.sh
	tests/servers.sh $(SERVERS)
	@touch $@
