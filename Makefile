# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
PYTEST := $(PY) -m pytest

.PHONY: help setup setup-test demo demo-check test check fix story bench footage vqd-table identify-recorded docs bench-devices setup-bench bench-sight bench-sight-long fuzz-devices hostile-devices discovery-figures find-64 live-64 fuzz-sight lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup:
	@deploy/setup.sh demo

setup-test:
	@deploy/setup.sh test

demo: setup ## a county on this machine: broker, controller, three villages, a case system, and a story
	@$(PY) -m deploy.demo run

demo-check: setup ## the same story unattended; fails if a step is missing, doubled or unexpected
	@$(PY) -m deploy.demo check

test: setup-test check ## everything that must pass: checks, the suite on all cores, then the stories one by one
	@$(PYTEST) -q -m "not story" -n auto --dist worksteal
	@$(PYTEST) -q -m story

check: setup-test ## format, lint, types, import contracts, generated documents
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m protocol.document --check
	@$(PY) -m agent.config_reference --check
	@$(PY) -m controller.api.document --check

fix: setup-test ## format, and mend what the linter can mend
	@.venv/bin/ruff format --quiet .
	@.venv/bin/ruff check --fix --quiet .

docs: setup-test ## write the generated documents in docs/ref anew
	@$(PY) -m protocol.document
	@$(PY) -m agent.config_reference
	@$(PY) -m controller.api.document

story: setup-test ## the story with kill -9 of controller, broker and boxes; proves nothing lost, nothing doubled
	@$(PY) -m tests.story.kill

footage: setup-test ## real footage over RTSP: motion where something moves, none in the empty stretches
	@$(PY) -m tests.support.footage_check

identify-recorded: setup-test ## recorded answers of real devices: who each one is, or why not
	@$(PY) -m tests.support.identify_recorded

vqd-table: setup-test ## picture faults put in against picture faults named, on scenes and footage, and in all weathers
	@$(PY) -m tests.support.vqd_table --limits

bench: setup-test ## measurements, ours beside the peers' in one run
	@$(PY) -m bench

bench-devices: setup-test ## devices: ours beside onvif-zeep at 1, 10, 50; the steady state of 64; 10,000 climbs
	@$(PY) -m bench devices_cost

setup-bench:
	@deploy/setup.sh bench

bench-sight: setup-bench ## sight: ours beside Motion, Frigate's shape, MOG2 on the same streams; latency (6 minutes)
	@$(PY) -m bench sight

bench-sight-long: setup-bench ## the same over hours of stream
	@$(PY) -m bench.sight --long

fuzz-devices: setup-test ## mutated answers of devices for FUZZ_S seconds (600): no crash, no hang, flat memory
	@$(PY) -m tests.support.fuzz_devices --seconds $${FUZZ_S:-600}

hostile-devices: setup-test ## 64 good devices beside 64 hostile ones on one box: what the good ones notice (5 minutes)
	@$(PY) -m tests.support.hostile_village

discovery-figures: setup-test ## a /24 and a /22 found over real multicast in a network namespace (root)
	@$(PY) -m tests.support.discovery_figures

find-64: setup-test ## 64 devices on loopback from discovery to under care, within 180 s
	@$(PY) -m tests.support.find_village

live-64: setup-test ## 64 live RTSP streams of 720p15 watched by a real box for LIVE_MIN minutes (30): lag, memory, CPU
	@$(PY) -m tests.support.live_streams --streams 64 --minutes $${LIVE_MIN:-30}

fuzz-sight: setup-test ## mutated H.264, H.265, RTP and RTSP for FUZZ_S seconds (600): no crash, no hang, a reason each time
	@$(PY) -m tests.support.fuzz_sight --seconds $${FUZZ_S:-600}

lock: ## resolve the dependencies anew into requirements.lock
	@uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --python-version 3.11 --quiet -o requirements.lock
