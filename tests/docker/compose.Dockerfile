# Version 2 of docker compose, which Debian has from 13 on, for tests on a machine that has version 1.

FROM debian:trixie
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-compose docker-cli > /dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
