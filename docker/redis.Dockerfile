# Debian's Redis, for compose.yaml where no registry is available.

ARG DEBIAN=trixie

FROM debian:${DEBIAN}
RUN groupadd --system --gid 999 redis \
    && useradd --system --gid redis --uid 999 --home-dir /var/lib/redis --shell /usr/sbin/nologin redis \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server > /dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && install --directory --owner=redis --group=redis --mode=0700 /data
LABEL org.opencontainers.image.title="Redis" \
      org.opencontainers.image.description="Debian's Redis, keeping what it has in /data" \
      org.opencontainers.image.base.name="debian"
USER redis
WORKDIR /data
VOLUME /data
EXPOSE 6379
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=6 CMD ["redis-cli", "ping"]
CMD ["redis-server", "--bind", "*", "--protected-mode", "no", "--dir", "/data", "--appendonly", "yes"]
