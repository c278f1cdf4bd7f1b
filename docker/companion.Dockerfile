# The companion: `integratedb daemon` in its own virtual environment.
#
#   docker build -f docker/companion.Dockerfile -t integratedb-companion .

ARG DEBIAN=trixie

FROM debian:${DEBIAN} AS python
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 ca-certificates > /dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

# The environment is built at its final path, because its scripts contain the path.
FROM python AS build
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv > /dev/null \
    && python3 -m venv /opt/integratedb
WORKDIR /build
COPY LICENSE integratedb.control pyproject.toml ./
COPY plpython/integratedb plpython/integratedb
COPY companion companion
COPY demo demo
RUN /opt/integratedb/bin/pip install --quiet --disable-pip-version-check --no-cache-dir '.[all]' \
    && /opt/integratedb/bin/pip uninstall --quiet --yes pip

FROM python
ARG DEBIAN=trixie
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="IntegrateDB companion" \
      org.opencontainers.image.description="Carries row changes from a database with IntegrateDB to webhooks, Redis and WebSockets" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="PostgreSQL" \
      org.opencontainers.image.vendor="The IntegrateDB Authors" \
      org.opencontainers.image.base.name="debian:${DEBIAN}"
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent integratedb
COPY --from=build /opt/integratedb /opt/integratedb
ENV PATH=/opt/integratedb/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    INTEGRATEDB_LISTEN=0.0.0.0:4400
USER integratedb
EXPOSE 4400
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 CMD ["/opt/integratedb/bin/python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['INTEGRATEDB_LISTEN'].rpartition(':')[2] + '/live', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["integratedb"]
CMD ["daemon"]
