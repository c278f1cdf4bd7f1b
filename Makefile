# PGXS builds and installs IntegrateDB: make, make install, make installcheck, make uninstall, make clean. PG_CONFIG=
# and DESTDIR= work as in any extension. The other targets are the commands of the README, each a script in scripts/.

PG_CONFIG ?= pg_config
export PG_CONFIG

# The control file has the version. Everything else derives it from there.
EXTENSION := integratedb
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" integratedb.control)
PYTHON_PACKAGE := integratedb_$(subst .,_,$(EXTVERSION))

SOURCES := sql/head.sql $(sort $(wildcard sql/state/*.sql)) $(sort $(wildcard sql/code/*/*.sql))
UPDATE_SOURCES := $(sort $(wildcard sql/code/*/*.sql)) sql/update-tail.sql
PYTHON_FILES := $(wildcard $(foreach suffix,py json,plpython/integratedb/*.$(suffix) plpython/integratedb/*/*.$(suffix) plpython/integratedb/*/*/*.$(suffix) plpython/integratedb/*/*/*/*.$(suffix)))

# What make writes: this version's script, and one for each version that sql/upgrades/ can lead here.
SCRIPT := sql/built/integratedb--$(EXTVERSION).sql
UPDATES := $(patsubst sql/upgrades/%,sql/built/integratedb--%,$(wildcard sql/upgrades/*--$(EXTVERSION).sql))
BUILT := $(SCRIPT) $(UPDATES)

# What earlier releases were, file by file with its checksum: releases/X.Y.Z/ has the update scripts of each and its Python,
# which are installed beside the present version. Install scripts are not, and those that earlier versions of this Makefile
# have installed are removed: CREATE EXTENSION VERSION would run them, without the guards of later versions (a search path
# that nobody else can get into, a schema in which nobody can capture calls).
FROZEN := $(filter-out releases/$(EXTVERSION)/%,$(filter releases/%,$(shell sed 's/^[0-9a-f]*  //' releases/frozen.sha256)))
FROZEN_VERSIONS := $(sort $(foreach file,$(FROZEN),$(word 2,$(subst /, ,$(file)))))
FROZEN_PACKAGES := $(addprefix integratedb_,$(subst .,_,$(FROZEN_VERSIONS)))
FROZEN_UPDATES := $(foreach file,$(FROZEN),$(if $(word 3,$(subst --, ,$(notdir $(file)))),$(file)))
RETIRED := $(patsubst %,integratedb--%.sql,$(FROZEN_VERSIONS))

DATA = $(BUILT) $(FROZEN_UPDATES)
EXTRA_CLEAN = $(wildcard sql/built/*) .build/cache .build/stage $(wildcard plpython/integratedb/__pycache__ plpython/integratedb/*/__pycache__ plpython/integratedb/*/*/__pycache__ plpython/integratedb/*/*/*/__pycache__)

# make installcheck, on a running server: a short session with an installed extension.
REGRESS = smoke
REGRESS_OPTS = --inputdir=tests/installcheck

.DEFAULT_GOAL := all

# The build uses Python, because PL/Python needs it anyway.
BUILD = /usr/bin/env python3 sql/build.py $(PYTHON_PACKAGE)

# The directories are prerequisites too: the script must be built again when a source is removed.
$(SCRIPT): $(SOURCES) sql/build.py integratedb.control $(wildcard sql/state sql/code/*)
	@mkdir -p $(@D)
	$(BUILD) $(SOURCES) > $@.new || { rm -f $@.new; exit 1; }
	@mv $@.new $@

# An update is what sql/upgrades/ says of the state, and then all of the code again.
sql/built/integratedb--%--$(EXTVERSION).sql: sql/upgrades/%--$(EXTVERSION).sql $(SOURCES) $(wildcard sql/update-*.sql) \
		sql/build.py integratedb.control $(wildcard sql/state sql/code/*)
	@mkdir -p $(@D)
	$(BUILD) sql/update-head.sql $< $(UPDATE_SOURCES) > $@.new || { rm -f $@.new; exit 1; }
	@mv $@.new $@

all: $(BUILT)

# PGXN needs META.json in the repository. Its version (the lines that hold nothing else) follows the control file.
all: META.json
META.json: integratedb.control
	sed 's/^\( *"version": *\)"[^"]*"/\1"$(EXTVERSION)"/' $@ > $@.new && cat $@.new > $@
	@rm -f $@.new

# The archive for PGXN: the tree of the last commit, which has everything that make install needs.
DISTDIR = .
DIST = $(DISTDIR)/integratedb-$(EXTVERSION).zip
dist: ## the archive for PGXN, integratedb-X.Y.Z.zip, of the last commit
	@git diff --quiet HEAD -- integratedb.control META.json || { echo "make dist: commit integratedb.control and META.json first" >&2; exit 1; }
	git archive --format=zip --prefix=integratedb-$(EXTVERSION)/ --output='$(DIST)' HEAD

release: ## what can be checked before a release, and the steps that are left (docs/releasing.md)
	@scripts/release

# Without PGXS (a bare machine), the commands of the README still work: they first install the missing packages.
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

# Each version has its own directory for its Python, and the directories of older versions stay. A database without
# ALTER EXTENSION UPDATE still uses the old one. A directory is replaced as a whole, because sessions may be importing
# from it.
pythondir = $(DESTDIR)$(datadir)/integratedb/python
install: install-python remove-retired

# Earlier versions of this Makefile installed these files.
remove-retired:
	rm -f $(patsubst %,'$(DESTDIR)$(datadir)/extension/%',$(RETIRED))

install-python: $(addprefix install-,$(FROZEN_PACKAGES) $(PYTHON_PACKAGE))

# The server may not write to the directory, so otherwise each session would compile the modules that it imports. If
# PL/Python has another Python, it ignores the compiled files.
COMPILE = -@PYTHONPYCACHEPREFIX= /usr/bin/env python3 -m compileall -q --invalidation-mode unchecked-hash -s '$(DESTDIR)'

# Where the Python of each version is, and its files, which may be in folders.
install-$(PYTHON_PACKAGE): SOURCE = plpython/integratedb
install-$(PYTHON_PACKAGE): SOURCE_FILES = $(PYTHON_FILES)
$(addprefix install-,$(FROZEN_PACKAGES)): SOURCE = releases/$(subst _,.,$(@:install-integratedb_%=%))/python
$(addprefix install-,$(FROZEN_PACKAGES)): SOURCE_FILES = $(filter $(SOURCE)/%,$(FROZEN))
$(addprefix install-,$(FROZEN_PACKAGES) $(PYTHON_PACKAGE)): install-%:
	rm -rf '$(pythondir)/$*.new'
	$(MKDIR_P) '$(pythondir)/$*.new'
	for file in $(patsubst $(SOURCE)/%,%,$(SOURCE_FILES)); do \
	    $(MKDIR_P) "$$(dirname '$(pythondir)/$*.new/'"$$file")" && \
	    $(INSTALL_DATA) "$(SOURCE)/$$file" '$(pythondir)/$*.new/'"$$file" || exit 1; \
	done
	rm -rf '$(pythondir)/$*'
	mv '$(pythondir)/$*.new' '$(pythondir)/$*'
	$(COMPILE) '$(pythondir)/$*'

# GraphQL in SQL needs graphql-core 3.3, which Debian 12 does not have. make install leaves it where it is.
PIP ?= /usr/bin/env python3 -m pip
GRAPHQL_PACKAGE := $(PYTHON_PACKAGE)_graphql
install-graphql:
	rm -rf '$(pythondir)/$(GRAPHQL_PACKAGE).new'
	$(MKDIR_P) '$(pythondir)'
	$(PIP) install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-compile --only-binary :all: \
	    --require-hashes --requirement plpython/graphql.txt --target '$(pythondir)/$(GRAPHQL_PACKAGE).new'
	rm -rf '$(pythondir)/$(GRAPHQL_PACKAGE)'
	mv '$(pythondir)/$(GRAPHQL_PACKAGE).new' '$(pythondir)/$(GRAPHQL_PACKAGE)'
	$(COMPILE) '$(pythondir)/$(GRAPHQL_PACKAGE)'

uninstall: uninstall-python
uninstall-python:
	rm -rf $(patsubst %,'$(pythondir)/%',$(FROZEN_PACKAGES) $(PYTHON_PACKAGE) $(GRAPHQL_PACKAGE))
	-rmdir '$(pythondir)' '$(dir $(pythondir))' 2>/dev/null
else
all install install-graphql uninstall clean:
	@echo "make $@: no PGXS found by PG_CONFIG=$(PG_CONFIG); scripts/bootstrap installs it on Debian" >&2
	@exit 1
endif

.PHONY: dist release install-graphql install-python remove-retired uninstall-python $(addprefix install-,$(FROZEN_PACKAGES) $(PYTHON_PACKAGE)) help demo demo-stop test test-docker lint unit fuzz bench console console-screenshots test-cluster

help: ## print this list
	@echo "IntegrateDB $(EXTVERSION), for the server of PG_CONFIG=$(PG_CONFIG)"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  make, make install, make installcheck, make uninstall, make clean: as in any extension; DESTDIR= works"
	@echo "  make install-graphql: also graphql-core 3 for the server's Python, which integratedb_graphql() needs; PIP= works"

demo: ## start a throw-away Postgres and tell what IntegrateDB does, in SQL
	@scripts/demo start

demo-stop: ## stop the Postgres of make demo and remove it
	@scripts/demo stop

console: ## build the web console into the companion; it needs Node, or gets it from PyPI
	@scripts/console build

console-screenshots: ## write the pictures of the console into docs/images
	@scripts/bootstrap --test
	@scripts/install
	@scripts/console build
	@scripts/cluster run --count 1 scripts/pytest -n0 tests/system/console/screenshots.py

test: ## everything on a throw-away Postgres; PYTEST_ARGS="tests/sql -k sync" runs a part
	@scripts/test $(PYTEST_ARGS)

test-docker: ## the same in containers, for each major version; MAJORS="17" PYTEST_ARGS="-k compose" for a part
	@PYTEST_ARGS='$(PYTEST_ARGS)' scripts/test-docker $(MAJORS)

test-cluster: ## a real cluster of three nodes on this machine: joins, kills, switchovers; PYTEST_ARGS="-k join" for a part
	@scripts/bootstrap --test
	@scripts/install
	@scripts/pytest tests/system/cluster -n0 $(PYTEST_ARGS)

unit: ## the tests that need no server
	@scripts/bootstrap --test
	@scripts/pytest tests/unit $(PYTEST_ARGS)

fuzz: ## random migrations against a model of the contract, FUZZ_SECONDS=600; a failure says how to repeat it
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),25) scripts/test tests/sql/fuzz/test_contract.py $(PYTEST_ARGS)

lint: ## the static gates: ruff, mypy, import boundaries, shellcheck, hadolint, yamllint, pgspot
	@scripts/bootstrap --test
	@scripts/lint
	@echo 'What asks a server (plpgsql_check, search paths, privileges, hostile names) is part of make test.'

bench: ## the benchmarks, each with its peer measured in the same run
	@scripts/bootstrap --test
	@scripts/install
	@scripts/cluster run --durable bench/run
