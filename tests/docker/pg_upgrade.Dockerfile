# A released image with the programs of an older version beside its own, as pg_upgrade wants them.

ARG OLD=integratedb:15
ARG NEW=integratedb:17

FROM ${OLD} AS old

FROM ${NEW}
ARG OLD_MAJOR=15
USER root
COPY --from=old /usr/lib/postgresql/${OLD_MAJOR} /usr/lib/postgresql/${OLD_MAJOR}
COPY --from=old /usr/share/postgresql/${OLD_MAJOR} /usr/share/postgresql/${OLD_MAJOR}
COPY --from=old /usr/lib/x86_64-linux-gnu /old/lib
# Of the older libraries only those whose name this release does not have (its C library serves both), for LD_LIBRARY_PATH.
RUN for file in /old/lib/*; do [ ! -e "/usr/lib/x86_64-linux-gnu/${file##*/}" ] || rm -rf "$file"; done \
    && LD_LIBRARY_PATH=/old/lib "/usr/lib/postgresql/${OLD_MAJOR}/bin/postgres" --version \
    && install --directory --owner=postgres --group=postgres --mode=0700 /var/lib/postgresql/upgraded
USER postgres
HEALTHCHECK NONE
