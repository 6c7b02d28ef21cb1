# Every task of a developer, by name. `make` alone lists them.
# Recipes say what they do in one line and leave the work to tools/ and to the locked environment.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
BIN := .venv/bin
# One worker more than cores: somewhere a test waits for a time-out or for another program.
WORKERS = $(shell echo $$(($$(nproc) + 1)))
UNIT := not netns and not lab and not real_data and not slow and not chaos and not kvm and not browser and not influx
export PYTHON
# The tests start a thousand programs of ours: where the shell forbids bytecode, each would compile itself anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: attack boxes chain chaos experiment field image image-test influx-contract help setup venv venv-agent venv-ansible tools demo check lint unit fix test ansible-test wheelhouse pictures grafana-smoke bench bytes dashboards messages figures locks upgrade clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: venv tools ## environment from the locks and the lab's programs; quick the second time

venv:
	@tools/setup

venv-agent: venv ## the probe's own environment, with nothing of the collector
	@tools/setup agent

venv-ansible: venv ## the operator's tools: ansible and its linter, in .venv-ansible
	@tools/setup ansible

tools: venv
	@$(BIN)/python tools/fetch-tools

demo: setup ## play 17 May 2020 in Pakistan and read what balise says of it
	@$(BIN)/balise-lab run tests/scenarios/pk-2020.yaml --demo

check: venv ## format, lint, types, laws, line length and unit tests: two to three minutes of CPU time
	@$(MAKE) --jobs=2 --output-sync=target lint unit

lint: venv
	@echo "check: locks"; $(BIN)/uv pip check --quiet --python $(BIN)/python || \
		{ echo "a member requires what locks/ does not name: run make locks"; exit 1; }
	@echo "check: format"; $(BIN)/ruff format --check --quiet --output-format concise
	@echo "check: lint"; $(BIN)/ruff check --quiet
	@echo "check: types"; $(BIN)/mypy
	@echo "check: laws"; $(BIN)/lint-imports --no-logo --cache-dir .cache/imports
	@echo "check: documents"; $(BIN)/python tools/wrap-documents --check

unit: venv
	@echo "check: unit tests"; $(BIN)/pytest -q -n 2 -m "$(UNIT)"

fix: venv ## format, mend what the linter can mend, and wrap the documents
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix
	@$(BIN)/python tools/wrap-documents

test: setup venv-agent venv-ansible ## every test: the probe alone, the rest, then the whole chain in the lab
	@echo "test: wire and agent, in an environment without the collector"
	@.venv-agent/bin/pytest -q -n $(WORKERS) -m "not lab" tests/wire tests/agent
	@tools/fetch-browser
	@echo "test: collector, lab and the tree"
	@BALISE_HYPOTHESIS_EXAMPLES=10000 $(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not lab" --ignore tests/wire \
		--ignore tests/agent
	@echo "test: the whole chain in the lab, and its boxes beside it"
	@$(MAKE) --jobs=2 --output-sync=target chain boxes
	@echo "test: all passed"

chain: venv ## the lab's scenarios with real packets, several at once, each once for all its tests
	@$(BIN)/pytest -q -m lab tests/chain

boxes: venv ## whatever else needs the lab: its boxes with clients that know nothing of balise
	@$(BIN)/pytest -q -m lab --ignore tests/chain

ansible-test: setup venv-ansible ## the playbooks on three machines made for them (root; Debian by the machine's own mirror)
	@PYTHONPATH=tests/ansible $(BIN)/python -m balise_ground

wheelhouse: venv ## pack agent and collector for the playbooks, into .cache/wheelhouse (docs/ansible.md)
	@tools/wheelhouse

pictures: setup ## draw docs/pictures/ anew from the day the page tests tell
	@tools/fetch-browser
	@BALISE_PICTURES=docs/pictures $(BIN)/pytest -q -m browser tests/collector/pages/test_browser.py -k pictures
	@BALISE_PICTURES=docs/pictures $(BIN)/pytest -q -m browser tests/collector/pages/test_people_pages.py \
		tests/workspace/test_people_pictures.py

image: setup ## build the card's image into dist/ (root; 30 minutes the first time, a few the second)
	@PYTHONPATH=image $(BIN)/python -m balise_image build

image-test: setup ## boot the built card in QEMU and try every scenario (TRY="happy-path --pass-at-most 60" for less)
	@PYTHONPATH=image $(BIN)/python -m balise_image test $(TRY)

grafana-smoke: ## start compose.yml and ask a real Grafana to run every query (needs Docker)
	@tools/grafana-smoke

influx-contract: venv ## the sink's assertions on your own InfluxDB: BALISE_INFLUX_URL, _TOKEN, _ORG
	@test -n "$$BALISE_INFLUX_URL" || \
		{ echo "set BALISE_INFLUX_URL, e.g. http://127.0.0.1:8086, BALISE_INFLUX_TOKEN and BALISE_INFLUX_ORG"; exit 2; }
	@$(BIN)/pytest -q -m contract tests/collector/sinks

chaos: setup ## kill -9 of everything, 200 times in the lab: nothing lost, nothing twice (KILLS=n, SEED=n repeats a run)
	@$(BIN)/balise-lab run tests/scenarios/chaos-long.yaml --influx \
		--kills $(or $(KILLS),200) --seed $(or $(SEED),$(shell date +%s))

attack: setup ## every known attack against real programs (ROWS="3 f2", CHECKOUT=folder, OTHER=folder)
	@PYTHONPATH=tests/attack $(BIN)/python -m balise_attack $(ROWS) $(if $(CHECKOUT),--checkout $(CHECKOUT)) $(if $(OTHER),--other $(OTHER))

field: venv ## play the virtual field's situations and print what was said (FILES="a.yaml folder", ONLY=id, ALL=1, OPEN=1, VERDICTS=1)
	@$(BIN)/balise-lab field $(FILES) $(if $(ONLY),--only $(ONLY)) $(if $(OPEN),--open) $(if $(ALL),--all) $(if $(VERDICTS),--verdicts)

matrix: venv ## play every experiment against every box and fault, and write docs/matrix.md (BED=lab, REPEAT=n, ONLY=word)
	@$(BIN)/python -m balise_lab.matrix.cli --bed $(or $(BED),field) --repeat $(or $(REPEAT),1) $(if $(ONLY),--only $(ONLY)) \
		$(if $(filter-out field,$(BED))$(ONLY),,--write docs/matrix.md)

bytes: setup ## measure with a tap what each run sends and gets, and write docs/bytes.md
	@$(BIN)/python -m tests.chain.bytes_table

bench: setup ## measure the goals and print the table
	@$(BIN)/python tests/bench/run.py

dashboards: venv ## write Grafana's dashboards and provisioning files anew
	@PYTHONPATH=dashboards $(BIN)/python -m balise_dashboards

experiment: venv ## lay out a new experiment in every place that must know it: make experiment NAME=ech
	@$(BIN)/python tools/experiment $(NAME)

messages: venv ## gather the pages' sentences for translation (gettext)
	@$(BIN)/python tools/messages

figures: venv ## count rooms and arrows, long files, names used twice (OTHER=folder of another checkout, LIST=1)
	@$(BIN)/python tools/figures $(if $(OTHER),--checkout $(OTHER)) $(if $(LIST),--list)

locks: venv ## write locks/ anew from the pyproject files, changing as little as possible
	@tools/lock && tools/setup

upgrade: venv ## write locks/ anew with the newest versions
	@UPGRADE=1 tools/lock && tools/setup

clean: ## remove the environments, fetched tools and caches
	@rm -rf .venv .venv-agent .venv-ansible .tools .tools-image .cache dist .lab .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
