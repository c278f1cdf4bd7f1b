# IntegrateDB is built and installed by PGXS: make, make install, make uninstall, make clean; PG_CONFIG= and DESTDIR= work
# as in any extension. The rest are the commands of the README, each a script in scripts/.

PG_CONFIG ?= pg_config
export PG_CONFIG

# The version is written in the control file and derived everywhere else.
EXTENSION := integratedb
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" integratedb.control)
PYTHON_PACKAGE := integratedb_$(subst .,_,$(EXTVERSION))

SOURCES := sql/head.sql $(sort $(wildcard sql/state/*.sql)) $(sort $(wildcard sql/code/*.sql))
SCRIPT := sql/releases/integratedb--$(EXTVERSION).sql
PYTHON_FILES := $(wildcard plpython/integratedb/*.py plpython/integratedb/*.json)

DATA_built = $(SCRIPT)
DATA = $(filter-out $(SCRIPT),$(wildcard sql/releases/integratedb--*.sql))
EXTRA_CLEAN = .build/cache .build/stage plpython/integratedb/__pycache__

.DEFAULT_GOAL := all

# The directories are prerequisites too: a source that was removed must go from the script.
$(SCRIPT): $(SOURCES) sql/build.awk integratedb.control $(wildcard sql/state sql/code)
	@mkdir -p $(@D)
	awk -v package=$(PYTHON_PACKAGE) -f sql/build.awk $(SOURCES) > $@.new || { rm -f $@.new; exit 1; }
	@mv $@.new $@

# PGXN wants META.json in the repository; its version (the lines that hold nothing else) follows the control file.
all: META.json
META.json: integratedb.control
	sed 's/^\( *"version": *\)"[^"]*"/\1"$(EXTVERSION)"/' $@ > $@.new && cat $@.new > $@
	@rm -f $@.new

# Without PGXS (a bare machine) the commands of the README still work: they install what is missing first.
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

# The Python of a version has its own directory, so that of older versions stays: a database that has not run ALTER
# EXTENSION UPDATE yet goes on using it. The directory is swapped, not written in place: sessions may be importing from it.
pythondir = $(DESTDIR)$(datadir)/integratedb/python
install: install-python
install-python:
	rm -rf '$(pythondir)/$(PYTHON_PACKAGE).new'
	$(MKDIR_P) '$(pythondir)/$(PYTHON_PACKAGE).new'
	$(INSTALL_DATA) $(PYTHON_FILES) '$(pythondir)/$(PYTHON_PACKAGE).new/'
	rm -rf '$(pythondir)/$(PYTHON_PACKAGE)'
	mv '$(pythondir)/$(PYTHON_PACKAGE).new' '$(pythondir)/$(PYTHON_PACKAGE)'

uninstall: uninstall-python
uninstall-python:
	rm -rf '$(pythondir)/$(PYTHON_PACKAGE)'
	-rmdir '$(pythondir)' '$(dir $(pythondir))' 2>/dev/null
else
all install uninstall clean:
	@echo "make $@: no PGXS found by PG_CONFIG=$(PG_CONFIG); scripts/bootstrap installs it on Debian" >&2
	@exit 1
endif

.PHONY: install-python uninstall-python help demo demo-stop test lint unit bench

help: ## print this list
	@echo "IntegrateDB $(EXTVERSION), for the server of PG_CONFIG=$(PG_CONFIG)"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  make, make install, make uninstall, make clean: as in any extension; DESTDIR= works"

demo: ## start a throw-away Postgres and tell what IntegrateDB does, in SQL
	@scripts/demo start

demo-stop: ## stop the Postgres of make demo and remove it
	@scripts/demo stop

test: ## everything on a throw-away Postgres; PYTEST_ARGS="tests/sql -k sync" runs a part
	@scripts/test $(PYTEST_ARGS)

unit: ## the tests that need no server
	@scripts/bootstrap --test
	@scripts/pytest tests/unit $(PYTEST_ARGS)

lint: ## the static gates: ruff, mypy, import boundaries, shellcheck
	@scripts/bootstrap --test
	@scripts/lint

bench: ## the benchmarks, each with its peer measured in the same run
	@scripts/bootstrap --test
	@scripts/install
	@scripts/cluster run --durable bench/run
