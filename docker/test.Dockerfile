# A released image with everything that the tests need. The suites run in it, on its Postgres, as they do on a host.
#
#   docker build -f docker/test.Dockerfile --build-arg IMAGE=integratedb:17 -t integratedb-test:17 .

ARG IMAGE=integratedb:17

FROM ${IMAGE}
USER root
WORKDIR /checkout
# As in docker/Dockerfile: the makefiles of PGXS without its compilers. The lists of apt stay, because they are needed
# below. A pipe that fails gives no version, and apt-get refuses a package without one.
# hadolint ignore=DL3009,DL4006
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates make > /dev/null \
    && apt-get download -qq "postgresql-server-dev-$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" \
    && dpkg --extract postgresql-server-dev-*.deb / \
    && rm postgresql-server-dev-*.deb
COPY LICENSE integratedb.control pyproject.toml ./
COPY scripts/bootstrap scripts/common.sh scripts/
COPY companion companion
COPY demo demo
COPY plpython/integratedb plpython/integratedb
COPY tests/requirements.txt tests/requirements.txt
RUN scripts/bootstrap --suites \
    && chown -R postgres:postgres . \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --chown=postgres:postgres . .
USER postgres
HEALTHCHECK NONE
ENTRYPOINT []
