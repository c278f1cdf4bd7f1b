"""Makes conditions of arguments: equality, filters, and places in an order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from graphql import GraphQLInputObjectType

from ...request import Column, Expression, Item, Logic, Not, Operation, Operator, Select, Subquery, Table, Value
from ...surface import Relation, Type
from .meanings import Condition, Entity, Related, meaning_of
from .selections import Selected
from .uses import Uses
from .variables import is_special, plain, value_of

_NULL: Final = "null is no operand of a comparison. Write filter: {%s: {is: NULL}}."


#: The most conditions of an operation; each is text in a statement, and a list of 'in' is one.
MOST_CONDITIONS: Final = 1_000


class Conditions:
    """The conditions of one operation; each related relation has an alias of its own."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses
        self._numbers = itertools.count(1)
        #: How many there are, each as often as the statements have it.
        self.count = 0

    def add(self, conditions: int, at: Selected) -> None:
        """Count conditions. Error: GraphQLError."""
        self.count += conditions
        if self.count > MOST_CONDITIONS:
            raise at.error(f"The filters of the operation have more than {MOST_CONDITIONS} conditions.")

    def filter(
        self, given: Mapping[str, Any], of: GraphQLInputObjectType, relation: Relation, alias: str, at: Selected
    ) -> Expression:
        """Make the condition of a filter. Error: GraphQLError."""
        self.add(1 + len(given), at)
        parts: list[Expression] = []
        for name, value in given.items():
            if value is None:
                raise at.error(_NULL % name)
            means = meaning_of(of.fields[name])
            if isinstance(means, Condition) and means.column is not None:
                parts.append(
                    self._operators(name, value, Column(means.column, alias), relation.columns[means.column].type, at)
                )
            elif isinstance(means, Condition) and means.related is not None:
                parts.append(self._related(value, of.fields[name].type, means.related, alias, at))
            elif name == "not":
                parts.append(Not(self.filter(value, of, relation, alias, at)))
            else:
                inner = tuple(self.filter(each, of, relation, alias, at) for each in value)
                if not inner:
                    raise at.error(f"The list of '{name}' is empty.")
                parts.append(Logic("or" if name == "or" else "and", inner))
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def _operators(self, name: str, given: Mapping[str, Any], column: Column, of: Type, at: Selected) -> Expression:
        parts: list[Expression] = []
        for operator, value in given.items():
            if value is None:
                raise at.error(_NULL % name)
            if operator == "in" and is_special(value):
                raise at.error(f"The list of '{name}: {{in: []}}' is empty.")
            operand = Value(plain(value)) if operator == "is" else value_of(value, of)
            parts.append(Operation(cast(Operator, operator), (column, operand)))
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def _related(self, given: Mapping[str, Any], of: Any, related: Related, outer: str, at: Selected) -> Expression:
        if not related.to_many:
            return self._exists(given, of, related, outer, at)
        parts: list[Expression] = []
        for word, value in given.items():
            if value is None:
                raise at.error(f"null is no filter of '{word}'.")
            inner = of.fields[word].type
            match word:
                case "some":
                    parts.append(self._exists(value, inner, related, outer, at))
                case "none":
                    parts.append(Not(self._exists(value, inner, related, outer, at)))
                case _:
                    parts.append(Not(self._exists(value, inner, related, outer, at, negated=True)))
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def _exists(
        self, given: Any, of: Any, related: Related, outer: str, at: Selected, *, negated: bool = False
    ) -> Expression:
        # No name of GraphQL has a space, so no alias of the request is the same.
        alias = f"related {next(self._numbers)}"
        relation = related.entity.relation
        self._uses.related[related.relationship] = None
        wanted = self.filter(given, of, relation, alias, at)
        if negated:
            wanted = Not(Operation("is", (wanted, Value("true"))))
        pairs = (
            Operation("eq", (Column(other, alias), Column(own, outer))) for own, other in related.relationship.pairs
        )
        return Subquery(
            Select(
                items=(Item(Value(1)),),
                source=(Table(relation.name, relation.schema, alias),),
                where=Logic("and", (*pairs, wanted)),
            ),
            exists=True,
        )


def equal(
    entity: Entity, given: Mapping[str, Any], columns: Mapping[str, str], alias: str, at: Selected
) -> list[Expression]:
    """Make the conditions that columns have these values: ``columns`` are their names, by argument."""
    parts: list[Expression] = []
    for argument, name in columns.items():
        if argument in given:
            if given[argument] is None:
                raise at.error(_NULL % argument)
            value = value_of(given[argument], entity.relation.columns[name].type)
            parts.append(Operation("eq", (Column(name, alias), value)))
    return parts


def beyond(columns: Sequence[Column], values: Sequence[Value | None], *, ahead: bool) -> Expression:
    """Return whether a row stands behind (``ahead``) or before a place in the ascending order, where null is last."""
    column, value = columns[0], values[0]
    strict: Expression
    if value is None:
        strict = Logic("or", ()) if ahead else Operation("is", (column, Value("not_null")))
        same: Expression = Operation("is", (column, Value("null")))
    else:
        compared = Operation("gt" if ahead else "lt", (column, value))
        strict = Logic("or", (compared, Operation("is", (column, Value("null"))))) if ahead else compared
        same = Operation("eq", (column, value))
    if len(columns) == 1:
        return strict
    return Logic("or", (strict, Logic("and", (same, beyond(columns[1:], values[1:], ahead=ahead)))))


def all_of(parts: Iterable[Expression]) -> Expression | None:
    """Return the conjunction of conditions; None: there are none."""
    parts = tuple(parts)
    return None if not parts else parts[0] if len(parts) == 1 else Logic("and", parts)
