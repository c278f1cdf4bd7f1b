"""Resolves settings written as env:NAME, which keep secrets out of SQL texts, and checks the resolved values."""

from __future__ import annotations

import os
from collections.abc import Callable

from integratedb.specification.channel_rules import environment_problem, is_environment, secret_problem, url_problem


class UnusableSettingError(Exception):
    """A setting of a channel cannot be used; the message does not repeat the setting's value."""


def resolve_url(text: str, channel_type: str, stakeholder: str) -> str:
    """Return the URL, read from the stakeholder's environment variable if it is written as env:NAME."""
    return _resolve("URL", text, stakeholder, lambda value: url_problem(value, channel_type, stakeholder))


def resolve_secret(text: str, stakeholder: str) -> str:
    """Return the signing secret, read from the stakeholder's environment variable if it is written as env:NAME."""
    return _resolve("secret", text, stakeholder, lambda value: secret_problem(value, stakeholder))


def _resolve(what: str, text: str, stakeholder: str, problem_of: Callable[[str], str | None]) -> str:
    """Check every value, also one from the database, because an earlier version may have stored it."""
    if not is_environment(text):
        return _checked(f"the {what} of the channel", text, problem_of)
    if (problem := environment_problem(text, stakeholder)) is not None:
        raise UnusableSettingError(f"the {what} of the channel cannot be used: {problem}")
    name = text.removeprefix("env:")
    value = os.environ.get(name)
    if value is None:
        raise UnusableSettingError(f"environment variable {name} is not set")
    if is_environment(value):
        raise UnusableSettingError(f"environment variable {name} names another variable; it must be the {what} itself")
    return _checked(f"environment variable {name}", value, problem_of)


def _checked(place: str, value: str, problem_of: Callable[[str], str | None]) -> str:
    if (problem := problem_of(value)) is not None:
        raise UnusableSettingError(f"{place} cannot be used: {problem}")
    return value
