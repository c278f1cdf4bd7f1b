"""Reads the configuration of a cluster from a file: YAML, TOML or EDN, by its extension."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import yaml

from integratedb_companion.common.configuration import ConfigurationError

MOST_BYTES, DEEPEST = 64 << 10, 8


def read(path: str | None) -> Any:
    """Read a file. Error: ConfigurationError."""
    if path is None:
        return {}
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise ConfigurationError(f"{path}: {problem.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise ConfigurationError(f"{path}: longer than {MOST_BYTES >> 10} kB")
    try:
        return parsed(raw.decode(), Path(path).suffix.lower())
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{path}: not UTF-8 (at byte {problem.start})") from None
    except ConfigurationError as problem:
        raise ConfigurationError(f"{path}: {problem}") from None


def parsed(text: str, suffix: str) -> Any:
    """Read a text in the notation of a file name's extension. Error: ConfigurationError."""
    try:
        match suffix:
            case ".yaml" | ".yml" | ".json":
                return yaml.safe_load(text)
            case ".toml":
                return tomllib.loads(text)
            case ".edn":
                from integratedb_companion.api import edn

                return edn.loads(text, DEEPEST)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        raise ConfigurationError(f"{place}{getattr(problem, 'problem', None) or 'not YAML'}") from None
    except (ValueError, RecursionError) as problem:
        raise ConfigurationError(" ".join(str(problem).split())[:200]) from None
    raise ConfigurationError("the extension must be .yaml, .toml or .edn")
