"""Contains what the commands of the services share: options with environment variables, and the exit status."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any, NoReturn, TypeVar

import click

from integratedb_companion.common import logs
from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.output import clean, say

log = logging.getLogger(__name__)

STATUS_FAILED, STATUS_CONFIGURATION = 1, 2
Command = TypeVar("Command", bound=Callable[..., None])


class WrongConfigurationError(click.ClickException):
    """A value from outside that is not of its type: one line, without the usage of the command."""

    exit_code = STATUS_CONFIGURATION

    def show(self, file: IO[Any] | None = None) -> None:
        say(f"integratedb: {clean(self.message)}", err=True)


class Switch(click.types.BoolParamType):
    """The type of a flag whose environment variable says true or false."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            variable = None if param is None else param.envvar
            raise WrongConfigurationError(f"{variable} must be true or false, and is {value!r}") from None


def option(name: str, text: str, **settings: Any) -> Callable[[Command], Command]:
    """Define an option that has an environment variable, too: --max-lag is INTEGRATEDB_MAX_LAG."""
    return click.option(name, help=text, envvar=f"INTEGRATEDB_{name[2:].replace('-', '_').upper()}", **settings)


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, by a flag or a variable."""
    return {name: value for name, value in flags.items() if value not in (None, ())}


def run(service: Callable[[], int]) -> NoReturn:
    """Run a service and exit with the status that it returns; 2 for a wrong configuration, 1 for any other fault."""
    try:
        status = service()
        if status == 0:
            log.info("stopped")
    except ConfigurationError as problem:
        say(f"integratedb: {clean(str(problem))}", err=True)
        status = STATUS_CONFIGURATION
    except Exception as problem:
        # Without the exception's text, which may contain a credential.
        log.critical("cannot go on", extra=logs.fault(problem))
        status = STATUS_FAILED
    sys.exit(status)
