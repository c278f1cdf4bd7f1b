"""Reads and writes YAML: values with their lines, by the rules of YAML 1.2, in which `no` is a text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import yaml
from yaml.reader import Reader

from .model import Finding, Steps, UnusableContractsError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: The most values, because aliases may repeat a large part many times.
MAX_VALUES = 200_000
#: The most characters of a file, and of all its texts, each counted as often as aliases repeat it.
MAX_CHARACTERS = 10_000_000
#: The deepest nesting. libyaml composes by recursion in C, and a stack overflow would end the process.
MAX_DEPTH = 100


class _Loader(_Base):  # type: ignore[misc]  # one of two base classes
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own form


_SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]{1,100}", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,4})?",
        list("-+.0123456789"),
    ),
}


class _Reader:
    """Walks the nodes of one document and records their lines, which the plain values do not have."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Steps, int] = {}
        self.characters = 0

    def fail(self, message: str, node: Any) -> UnusableContractsError:
        return UnusableContractsError([Finding(message, self.file, node.start_mark.line + 1)])

    def value(self, node: Any, steps: Steps) -> Any:
        self.lines.setdefault(steps, node.start_mark.line + 1)
        if len(self.lines) > MAX_VALUES:
            raise self.fail(f"there are more than {MAX_VALUES} values in it", node)
        if len(steps) > MAX_DEPTH:
            raise self.fail("it is nested too deeply, or an alias contains itself", node)
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if not isinstance(node, yaml.ScalarNode) and tag not in ("map", "seq"):
            raise self.fail(f"the tag {tag} is not understood", node)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, steps)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(entry, (*steps, index)) for index, entry in enumerate(node.value)]
        return self.scalar(node, tag)

    def mapping(self, node: Any, steps: Steps) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str):
                raise self.fail("a key must be a text", key_node)
            if key == "<<":
                raise self.fail("merge keys (<<) are not understood; an alias (*name) of a whole value is", key_node)
            if key in result:
                raise self.fail(f'the key "{key}" stands twice', key_node)
            self.count(key, key_node)
            self.lines[*steps, key] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, (*steps, key))
        return result

    def count(self, text: str, node: Any) -> None:
        self.characters += len(text)
        if self.characters > MAX_CHARACTERS:
            raise self.fail(f"there are more than {MAX_CHARACTERS} characters in it", node)

    def scalar(self, node: Any, tag: str) -> Any:
        text: str = node.value
        self.count(text, node)
        if tag == "str":
            return text
        if tag not in _SCALARS:
            raise self.fail(f"the tag {tag} is not understood", node)
        # A written tag states the type, and the text must match it.
        if not re.fullmatch(_SCALARS[tag][0], text):
            raise self.fail(f"it is tagged !!{tag}, and is none", node)
        match tag:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return int(text)
        number = float(text)
        if not math.isfinite(number):
            raise self.fail("the number is too large", node)
        return number


def read(text: str, file: str) -> tuple[Any, Mapping[Steps, int]]:
    """Read one document in YAML or JSON. Error: UnusableContractsError with the line."""
    if len(text) > MAX_CHARACTERS:
        raise UnusableContractsError([Finding(f"there are more than {MAX_CHARACTERS} characters in it", file)])
    if unprintable := Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, unprintable.start()) + 1
        raise UnusableContractsError(
            [Finding("there is a control character in it, which YAML does not allow", file, line)]
        )
    reader = _Reader(file)
    loader = _Loader(text)
    try:
        _require_small(text, file)
        node = loader.get_single_node()
        return (None if node is None else reader.value(node, ())), reader.lines
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = problem.problem or problem.context or "it is not YAML"
        if said == "but found another document":
            said = "there is a second document in the file; a contract is a file of its own"
        raise UnusableContractsError([Finding(said, file, mark.line + 1 if mark else 1)]) from None
    except yaml.YAMLError as problem:
        raise UnusableContractsError([Finding(" ".join(str(problem).split()), file)]) from None
    finally:
        loader.dispose()


def _require_small(text: str, file: str) -> None:
    """Refuse too deep nesting, without recursion, and too many values, before they take memory."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        problem = None
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            if nodes > 2 * MAX_VALUES:  # each may have a key
                problem = f"there are more than {MAX_VALUES} values in it"
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                problem = "it is nested too deeply"
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if problem is not None:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise UnusableContractsError([Finding(problem, file, line)])


class _Flow(list[Any]):
    """A list that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Indents the entries of a list, and repeats equal values instead of using aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, _: Any) -> bool:
        return True


# A text is quoted if either version of YAML would read another type: `no` by PyYAML's own rules, `1e3` by these.
for _name, (_pattern, _first) in _SCALARS.items():
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)

_Dumper.add_representer(
    _Flow, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)

#: The order in which people write keys; jsonb uses another order.
_ORDER = ["stakeholder", "claims", "notifications", "match", "path", "name", "type", "fields", "alternatives"]
_ORDER += [
    "unique",
    "references",
    "to",
    "to_fields",
    "min_length",
    "is_nullable",
    "optional",
    "events",
    "url",
    "secret",
    "channels",
]


def write(value: Any) -> str:
    """Write a value as people do: keys in their usual order, columns and events on one line."""
    text: str = yaml.dump(
        _arranged(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )
    return text


def _arranged(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (_ORDER.index(key) if key in _ORDER else len(_ORDER), key))
        return {
            key: _Flow(map(_arranged, value[key])) if _is_flow(key, value[key]) else _arranged(value[key])
            for key in keys
        }
    return [_arranged(entry) for entry in value] if isinstance(value, list) else value


def _is_flow(key: str, value: Any) -> bool:
    return isinstance(value, list) and (key in ("fields", "unique") or all(isinstance(entry, str) for entry in value))
