# How sam build makes a layer: build-SharedLayer from layers/shared, build-ImagingLayer from
# layers/imaging. Included by the Makefile of each architecture, which sets WHEELS.

BUILD := $(dir $(lastword $(MAKEFILE_LIST)))

# Amazon Linux 2023 has glibc 2.34. LAYER_WHEELS=host takes this machine's own wheels instead: for
# a laptop cloud on something that is not Linux.
ifeq ($(LAYER_WHEELS),host)
PLATFORM :=
else
PLATFORM := --implementation cp --python-version 3.13 \
  $(foreach glibc,2_34 2_28 2_27 2_26 2_24 2_17,--platform manylinux_$(glibc)_$(WHEELS)) \
  --platform manylinux2014_$(WHEELS)
endif

PACKAGES = $(ARTIFACTS_DIR)/python

# Bytecode goes along because the code folder of a function is read-only: without it every cold
# start compiles every module again. It names /opt/python, where Lambda puts a layer.
build-%Layer: FOLDER = $(shell echo $* | tr A-Z a-z)
build-%Layer:
	@python3.13 -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
	  --only-binary=:all: $(PLATFORM) --target "$(PACKAGES)" --requirement $(FOLDER)/requirements.txt
	@rm -rf "$(PACKAGES)/bin"
	@if [ -d "$(PACKAGES)/botocore" ]; then \
	  python3.13 "$(BUILD)trim_botocore.py" "$(PACKAGES)" \
	  && python3.13 "$(BUILD)defer_imports.py" "$(PACKAGES)"; fi
	@if [ -f $(FOLDER)/__init__.py ]; then \
	  mkdir "$(PACKAGES)/$(FOLDER)" && cp $(FOLDER)/*.py "$(PACKAGES)/$(FOLDER)"; fi
	@python3.13 -m compileall -q --invalidation-mode unchecked-hash \
	  -s "$(PACKAGES)" -p /opt/python "$(PACKAGES)"
	@du -sk "$(PACKAGES)" | awk '{ printf "$*Layer: %.1f MB\n", $$1 / 1024 }'
