# Everything that a person runs. `make help` lists it.

# The default is also DEFAULT_PORT in localcloud/arguments.py.
PORT ?= 4566
HOST ?= 127.0.0.1
# EDGE_PORT is the port after PORT, unless it is given.

# A value as one word of the shell, whatever it contains.
quoted = '$(subst ','\'',$(1))'
ON_STACK = $(if $(STACK),--stack $(call quoted,$(STACK)))
PORTS = --port $(call quoted,$(PORT)) $(if $(EDGE_PORT),--edge-port $(call quoted,$(EDGE_PORT)))

# .python-version makes python3 of pyenv and uv the right one.
PYTHON := $(shell for python in python3.13 python3; do \
  if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; \
  then command -v $$python; break; fi; done)
BIN := .venv/bin
DEMO = PYTHONPATH=layers $(BIN)/python -m demo $(PORTS) --host $(call quoted,$(HOST))
TOOL = PYTHONPATH=layers $(BIN)/python -m
# Long tests first, so that the workers end at the same time.
WITHOUT_CLOUD := tests/simulation tests/vetted tests/architecture tests/integration tests/unit tests/fuzz
RUN = PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { \
	  line = sprintf("  make %-15s ", $$1); count = split($$2, words, " "); \
	  for (i = 1; i <= count; i++) { \
	    if (length(line " " words[i]) > 80) { print line; line = sprintf("%23s", "") } \
	    line = line " " words[i] } \
	  print line }' $(MAKEFILE_LIST)
	@printf '  The laptop cloud listens on HOST=%s, PORT=%s.\n  Its page is on %s.\n' \
	  $(call quoted,$(HOST)) $(call quoted,$(PORT)) $(call quoted,$(if $(EDGE_PORT),EDGE_PORT=$(EDGE_PORT),the next port))

demo: install ## run the whole application on this machine with sample photos, then remove everything
	@$(DEMO) demo

up: install ## run the whole application on this machine until Ctrl-C; DEBUG=ThumbnailerFunction lets a debugger attach
	@$(DEMO) $(if $(DEBUG),--debug $(call quoted,$(DEBUG))) up

down: install ## end the `make up` of another terminal
	@$(DEMO) down

redrive: install ## replay what failed, on the laptop or in STACK=…; ARGS=--dry-run only lists it
	@$(if $(STACK),$(TOOL) ops.redrive $(ON_STACK),$(DEMO) redrive) $(ARGS)

publish: install ## upload the page into STACK=… and invalidate it in CloudFront
	@$(RUN) $(BIN)/python -m ops.publish_site $(ON_STACK)

STAGE ?= dev
preflight: install ## report what prevents a deployment of STAGE=…, what it creates, what it costs while idle; ARGS=--offline
	@$(RUN) $(BIN)/python -m ops.preflight --stage $(call quoted,$(STAGE)) $(ON_STACK) $(ARGS)

deploy: install .venv-audit/installed ## deploy STAGE=dev or prod into an account, after confirmation; ARGS='--parameter Name=Value'
	@$(RUN) $(BIN)/python -m ops.deploy --stage $(call quoted,$(STAGE)) $(ON_STACK) $(ARGS)
	@.venv-audit/bin/python tools/sbom.py .aws-sam/build .aws-sam/sbom.cdx.json

destroy: install ## delete the stack of STAGE=… and its data, after confirmation; ARGS='--wait 12'
	@$(RUN) $(BIN)/python -m ops.destroy --stage $(call quoted,$(STAGE)) $(ON_STACK) $(ARGS)

prune: install ## delete versions of functions and layers of STACK=… that nothing uses, after confirmation; ARGS='--keep 3 --dry-run'
	@$(RUN) $(BIN)/python -m ops.prune $(ON_STACK) $(ARGS)

rotate-origin-secret: install ## replace the secret value that CloudFront sends to the API of STAGE=…; docs/origin-secret.md
	@$(TOOL) ops.rotate_origin_secret --stage $(call quoted,$(STAGE)) $(ON_STACK) $(ARGS)

report: install ## make and print the daily report of the laptop or STACK=…; ARGS='--days 30 --plot days.svg'
	@$(if $(STACK),$(TOOL) ops.report $(ON_STACK),$(DEMO) report) $(ARGS)

trace: install ## print the way of PHOTO=<id> from the logs of the laptop or STACK=…; ARGS=--json
	@$(if $(PHOTO),,echo "Which photo? Give the id that POST /photos returned: make trace PHOTO=<id>" >&2; exit 1)
	@$(if $(STACK),$(TOOL) ops.trace $(ON_STACK),$(DEMO) trace) $(call quoted,$(PHOTO)) $(ARGS)

dashboard: install ## draw the dashboard of the laptop or STACK=…; ARGS='--hours 3 --plot dashboard.svg'
	@$(if $(STACK),$(TOOL) ops.dashboard $(ON_STACK),$(DEMO) dashboard) $(ARGS)

cost: install ## print what the stack costs and which limit it reaches first; ARGS="--scenario hobby --stage dev"
	@$(TOOL) ops.cost $(ARGS)

e2e: install ## send a photo through a laptop cloud of its own or STACK=…, and delete it again; ARGS=--url=…
	@$(BIN)/pytest tests/e2e/test_journey.py $(if $(STACK),$(ON_STACK) --force-enable-socket) $(ARGS)

attack: install ## attack the application that runs on this machine, and print each case with what it got
	@PYTHONPATH=layers $(BIN)/python -m tests.hostile $(PORTS) $(ARGS)

chaos: install ## kill processes at random under load, and show that nothing is lost; SEED='1 2' UPLOADS=300 VIEWS=30000
	@SEED=$(call quoted,$(SEED)) UPLOADS=$(call quoted,$(UPLOADS)) VIEWS=$(call quoted,$(VIEWS)) $(BIN)/pytest -m slow tests/chaos $(ARGS)

TARGET ?= photo
SECONDS ?= 600
fuzz: install .venv-fuzz/installed ## fuzz TARGET=photo, uploads, views, changes, bodies, cursors or pages for SECONDS=…
	@PYTHONPATH=functions:layers:. .venv-fuzz/bin/python -m tests.fuzz $(call quoted,$(TARGET)) --seconds $(call quoted,$(SECONDS)) $(ARGS)

openapi: install ## write docs/openapi.json from the template's routes and the API's models
	@PYTHONPATH=functions:layers $(BIN)/python -m tools.openapi

extract: install ## write FLOW=thumbnails, views, replication, report, api or edge as an application of its own into TO=../my-app
	@$(TOOL) tools.extract $(call quoted,$(FLOW)) $(call quoted,$(TO))

remove-flow: install ## remove FLOW=report from this copy of the repository; ARGS=--check changes nothing
	@$(TOOL) tools.remove_flow $(call quoted,$(FLOW)) $(ARGS)

FUNCTION ?= ThumbnailerFunction
EVENT ?= events/s3_photo_uploaded.json
invoke: install ## run sam local invoke with FUNCTION=… and EVENT=… against a running `make up`
	@$(DEMO) invoke $(call quoted,$(FUNCTION)) $(call quoted,$(EVENT))

build: install .venv-audit/installed ## build functions and layers for the laptop by sam build; list what is in them in .laptop/sbom.cdx.json
	@$(DEMO) build
	@.venv-audit/bin/python tools/sbom.py .laptop/build .laptop/sbom.cdx.json

bench: install ## run the benchmarks, about an hour, and write docs/performance.md; ARGS='streams edge' runs only these
	@$(BIN)/python -m bench.run $(ARGS)

audit: install .venv-audit/installed ## look for known vulnerabilities of the deployed packages; needs the network
	@.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip \
	  --requirement layers/shared/requirements.txt --requirement layers/imaging/requirements.txt

examples: install check-examples ## lint the examples, and build, deploy and run each on a laptop cloud of its own
	@$(BIN)/pytest -m slow --numprocesses 2 --dist loadfile --durations 20 tests/examples

test: install check .venv-audit/installed ## run all tests except the slow ones
	@$(BIN)/pytest --numprocesses 2 --dist worksteal --durations 20 $(WITHOUT_CLOUD) tests/hostile tests/chaos
	@$(BIN)/pytest --numprocesses 3 --durations 20 tests/e2e tests/applications # they wait a third of the time
	@$(TOOL) tools.vetting.grants .laptop/decisions # recorded by tests/e2e

test-slow: install .venv-fuzz/installed ## run the tests that take too long for make test: those marked slow, long histories, and unit tests with 1,000 examples
	@$(BIN)/pytest -m hypothesis --hypothesis-profile thorough --numprocesses 2 tests/unit
	@SIMULATION=long $(BIN)/pytest -m slow --numprocesses 2 --durations 20 $(WITHOUT_CLOUD)
	@$(BIN)/pytest -m slow --numprocesses 2 --durations 20 tests/e2e tests/applications tests/hostile
	@$(BIN)/pytest -m slow --durations 20 tests/chaos
	@$(MAKE) --no-print-directory examples

check: install .venv-checkers/installed ## run ruff, mypy, the linters of template and workflows, and the checks and proofs of IAM policies
	@$(MAKE) --no-print-directory --jobs 2 check-code check-templates check-policies check-examples

check-code: ## run the part of check about Python code and workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/jactionlint --profile correctness --shellcheck= --pyflakes=
	@$(BIN)/zizmor --quiet --offline .github

check-templates: ## run the part of check about the templates
	@$(RUN) sam validate --lint
	@$(BIN)/cfn-lint template.yaml
	@$(BIN)/python -m tools.translate | $(BIN)/cfn-lint --ignore-checks W1030 W2001 W7001 # CertificateArn may be empty; the transform has resolved what it can
	@$(BIN)/cfn-lint .github/deploy-role.yaml

check-policies: ## run the part of check about IAM policies
	@$(TOOL) tools.vetting

# Each folder has its own modules: mypy would take handler.py of two folders for the same module.
check-examples: ## run the part of check about the examples
	@$(BIN)/cfn-lint examples/*/template.yaml
	@$(BIN)/hadolint examples/*/Dockerfile
	@for folder in examples/*/; do \
	  (cd $$folder && $(CURDIR)/$(BIN)/mypy --no-error-summary --cache-dir $(CURDIR)/.mypy_cache/examples) || exit 1; \
	done

format: install ## let ruff format the code and fix what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: install ## compile the requirement files again, with the newest versions allowed
	@for name in layers/shared/requirements layers/imaging/requirements requirements/uv requirements/dev \
	  requirements/ministack requirements/runtime requirements/checkers requirements/guard requirements/audit \
	  requirements/fuzz requirements/bench; do \
	  echo "$$name.txt"; \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes \
	    $$(test $$name != requirements/guard || echo --no-deps) \
	    --no-annotate --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command 'make lock' $$name.in --output-file $$name.txt || exit 1; \
	done

install: .venv/installed .venv-ministack/installed .venv-runtime/installed ## create the virtual environments if they are missing

# pip installs uv, and uv the rest in less than a tenth of pip's processor time: docs/decisions.md.
INSTALL = .venv/bin/python tools/install.py $(@D)

.venv/installed: requirements/uv.txt requirements/dev.txt
	@$(if $(PYTHON),,echo "Python 3.13 is needed and not on PATH: https://www.python.org/downloads/, or 'uv python install 3.13', or 'pyenv install 3.13'." >&2; exit 1)
	@echo "Installing requirements/dev.txt into $(@D), once; most of the time is for downloads"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements/uv.txt || \
	  { echo "pip could not install uv: its message is above. uv comes from PyPI, or from the index that '$(@D)/bin/pip config list' names." >&2; exit 1; }
	@$(INSTALL) --requirement requirements/dev.txt
	@touch $@

# ministack: the AWS APIs of the laptop. runtime: what functions run in, the packages of Lambda's runtime. audit: what lists
# the built artifacts and looks for vulnerabilities. fuzz: atheris, which has wheels for Linux only.
# bench: what bench/api.py compares the API with.
.venv-%/installed: requirements/%.txt | .venv/installed
	@echo "Installing $< into $(@D), once"
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@$(INSTALL) --only-binary :all: --requirement $<
	@touch $@

# What make check and make test need in addition.
.venv-checkers/installed: requirements/checkers.txt requirements/guard.txt | .venv/installed
	@echo "Installing $^ into $(@D), once"
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@$(INSTALL) --only-binary :all: --requirement requirements/checkers.txt
	@$(INSTALL) --only-binary :all: --no-deps --requirement requirements/guard.txt
	@mkdir $(@D)/guard
	@tar -xzf $(@D)/lib/python3.13/site-packages/cdklabs/cdk_validator_cfnguard/_jsii/*.tgz \
	  -C $(@D)/guard --strip-components 1
	@touch $@

clean: ## remove the environments and everything built
	rm -rf .venv .venv-ministack .venv-runtime .venv-checkers .venv-audit .venv-fuzz .venv-bench .laptop .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help demo up down build bench audit test test-slow check check-code check-templates check-policies check-examples examples format lock install invoke redrive publish preflight deploy destroy prune rotate-origin-secret report trace dashboard cost e2e attack chaos fuzz openapi extract remove-flow clean
