"""Resolves settings that are written as env:NAME, so that a secret stands in no SQL text."""

from __future__ import annotations

import os


class MissingSecretError(Exception):
    """The environment variable that a setting names is not set."""


def resolve(value: str) -> str:
    """Return the value itself, or that of the environment variable it names."""
    if not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    try:
        return os.environ[name]
    except KeyError:
        raise MissingSecretError(f"environment variable {name} is not set") from None
