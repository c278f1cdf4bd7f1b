"""Implements `integratedb api`: reads flags, environment and files, runs the service, and sets the exit status."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from integratedb_companion.api import postgrest
from integratedb_companion.api.settings import DEFAULTS, LISTS, OPTIONS, build, from_environment, split
from integratedb_companion.common import logs
from integratedb_companion.common.configuration import read_file
from integratedb_companion.common.extras import needing

from .services import Command, given, run

#: The names of flags whose options are on by default.
NEGATED = {"no_prepare": "prepare", "no_aggregates": "aggregates", "no_introspection": "introspection"}


def _option(name: str, text: str, **settings: Any) -> Callable[[Command], Command]:
    return click.option(name, help=text, **settings)


def _switch(name: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, help=text, is_flag=True, default=None)


@click.command()
@_option("--dsn", "Connection string, or @FILE; libpq's own PG* variables work too.")
@_option("--listen", "HOST:PORT.  [127.0.0.1:3000]")
@_option("--admin-listen", "HOST:PORT of /live, /ready and /metrics.  [127.0.0.1:3001]")
@_option("--schemas", "The exposed schemas, separated by commas; the first is the default.  [public]")
@_option("--extra-search-path", "Schemas whose functions need no name in policies.  [public]")
@_option("--anonymous", "The role of requests without a token; without it they are refused.", metavar="ROLE")
@_option("--prefix", "The path below which the API is.", metavar="PATH")
@_option("--workers", "Worker processes.  [one a processor, at most 4]")
@_option("--connections", "The most connections to the database, of each worker.  [10]")
@_option("--connection-timeout", "How long a request waits for a connection.  [10s]")
@_option("--clients", "The most connections of clients.  [20000]")
@_option("--pre-request", "A function that runs before each request.", metavar="FUNCTION")
@_option("--root", "A function that answers GET /.", metavar="FUNCTION")
@_switch("--no-prepare", "Prepare no statements, for a pooler in transaction mode.")
@_option("--tx-end", "commit or rollback, with -allow-override.  [commit]")
@_option("--max-rows", "The most rows of an answer; none for no limit.  [1000]")
@_option("--max-cost", "The most that the planner may expect a request to cost.")
@_option("--max-body", "The most bytes of a body.  [10MB]")
@_option("--max-answer", "The most bytes of an answer that is no stream.  [64MB]")
@_option("--statement-timeout", "How long a request may take; none for no limit.  [30s]")
@_switch("--allow-unfiltered-writes", "Let UPDATE and DELETE go without a filter.")
@_switch("--no-aggregates", "Refuse aggregates.")
@_switch("--plan", "Show plans to clients that ask for them.")
@_option("--openapi", "follow-privileges, ignore-privileges or disabled.  [follow-privileges]")
@_option("--openapi-server", "The URL of the API as clients reach it.", metavar="URL")
@_switch("--openapi-security", "Describe tokens in the OpenAPI document.")
@_switch("--no-introspection", "Answer no introspection of GraphQL.")
@_switch("--saved-only", "Answer saved queries only.")
@_option("--daemon-url", "Where subscriptions get events.", metavar="URL")
@_option("--jwt-secret", "A secret, JWK, JWK set or PEM public key, or @FILE; may be repeated.", multiple=True)
@_switch("--jwt-secret-base64", "The secret is written in base64.")
@_option("--jwks-url", "Where the keys of tokens are.", metavar="URL")
@_option("--issuer", "An OpenID issuer; its keys are found by discovery.", metavar="URL")
@_option("--audience", "The aud that tokens must have.")
@_option("--issuer-claim", "The iss that tokens must have.")
@_option("--role-claim", "Where a token has the role.  [$.role]", metavar="PATH")
@_switch("--allow-no-expiry", "Accept tokens that do not expire.")
@_option("--token-cache", "How many verified tokens are remembered.  [1000]")
@_option("--cors-origins", "The origins whose pages may use the API, separated by commas.  [all]")
@_option("--trace-header", "A header that answers repeat.", metavar="NAME")
@_switch("--server-timing", "Say in each answer what took how long.")
@_option("--error-verbosity", "verbose or minimal.  [verbose]")
@_option("--app-settings", "NAME=VALUE, a setting of each transaction; may be repeated.", multiple=True)
@_option("--tls-certificate", "A PEM file with the certificate and its chain.", metavar="FILE")
@_option("--tls-key", "A PEM file with the certificate's key.", metavar="FILE")
@_option("--trusted-proxy", "Networks of proxies whose X-Forwarded-For counts, separated by commas.", metavar="CIDR")
@_option("--log-level", "debug, info, warning or error.  [info]")
@_option("--config", "A TOML file with the same options.", metavar="FILE")
@_option("--postgrest-config", "A configuration file of PostgREST.", metavar="FILE")
def api(config: str | None, postgrest_config: str | None, **flags: Any) -> None:
    """Serve the data API over HTTP, in the syntax of PostgREST.

    The login must be NOINHERIT and a member of integratedb_authenticator, or of the roles that requests act as, and of
    nothing else. Each option also has an environment variable, such as INTEGRATEDB_API_SCHEMAS. PostgREST's variables
    PGRST_* work too; options of IntegrateDB replace them.

    \b
    Examples:
      integratedb api --dsn "dbname=shop user=api" --anonymous web_anon
      integratedb api --dsn "dbname=shop user=api" --jwt-secret @/etc/shop/jwk.json --schemas shop,public
      integratedb api --postgrest-config postgrest.conf
    """

    def service() -> int:
        settings = build(_options(config, postgrest_config, flags))
        logs.configure(settings.log_level)
        with needing("api"):
            from integratedb_companion.api import server

        server.run(settings)
        return 0

    run(service)


def _options(config: str | None, postgrest_config: str | None, flags: dict[str, Any]) -> dict[str, Any]:
    """Merge the sources. PostgREST's defaults hold where no option is given by a name of ours."""
    options: dict[str, Any] = {}
    for name, value in given(flags).items():
        if name in NEGATED:
            options[NEGATED[name]] = not value
        else:
            options[name] = split(value) if name in LISTS else value
    environment = os.environ
    path = config or environment.get("INTEGRATEDB_API_CONFIG")
    ours = read_file(path, OPTIONS) | from_environment(environment) | options
    theirs = postgrest.read(postgrest_config or environment.get("INTEGRATEDB_API_POSTGREST_CONFIG"), environment)
    defaults = DEFAULTS | postgrest.DEFAULTS if theirs and not ours else DEFAULTS
    return defaults | theirs | ours
