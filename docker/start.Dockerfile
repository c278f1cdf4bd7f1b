# All of it in one container: `integratedb start`, with a Postgres of its own. Both images must have the same Debian.
#
#   docker build -f docker/start.Dockerfile -t integratedb-start .
#   docker run -p 4000:4000 -p 3000:3000 -v data:/var/lib/postgresql/data integratedb-start

ARG SERVER=integratedb:17
ARG COMPANION=integratedb-companion

FROM ${COMPANION} AS companion

FROM ${SERVER}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="IntegrateDB, all of it" \
      org.opencontainers.image.description="PostgreSQL with IntegrateDB, its daemon, data API and management API" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=companion /opt/integratedb /opt/integratedb
# The image of the server runs as postgres, so nothing here runs as root.
ENV PATH=/opt/integratedb/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    INTEGRATEDB_DATA=/var/lib/postgresql/data \
    INTEGRATEDB_HOST=0.0.0.0
EXPOSE 3000 4000 4400
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 CMD ["integratedb", "status", "--data", "/var/lib/postgresql/data"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["integratedb"]
CMD ["start"]
