"""Contains the tree that a request's select parameter gives, which its other parameters then complete."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...problems import ProblemError
from ...request import Call, Cast, Column, Embed, Expression, Item, Logic, Order, Select, Source, Star, Value


@dataclass(slots=True)
class Node:
    """One level of a request: the rows that are asked for, or the related rows of an embed."""

    relation: str = ""
    alias: str | None = None
    hint: str | None = None
    inner: bool = False
    spread: bool = False
    items: list[Star | Item | Node] = field(default_factory=list)
    embeds: dict[str, Node] = field(default_factory=dict)
    #: The names of relations whose embeds have aliases, with these.
    aliased: dict[str, str] = field(default_factory=dict)
    #: Aggregates, by the names that they have in the answer.
    aggregates: dict[str, Expression] = field(default_factory=dict)
    where: list[Expression] = field(default_factory=list)
    having: list[Expression] = field(default_factory=list)
    order: tuple[Order, ...] | None = None
    limit: Value | None = None
    offset: Value | None = None

    def add_embed(self, node: Node) -> None:
        self.items.append(node)
        self.embeds.setdefault(node.alias or node.relation, node)
        if node.alias and node.alias != node.relation:
            self.aliased.setdefault(node.relation, node.alias)

    def add_item(self, item: Item) -> None:
        self.items.append(item)

    def embed(self, name: str) -> Node:
        found = self.embeds.get(name)
        if found is None:
            raise ProblemError("unknown embed", name=name, alias=self.aliased.get(name))
        return found

    def at(self, path: list[str]) -> Node:
        node = self
        for name in path:
            node = node.embed(name)
        return node

    def find_aggregates(self) -> None:
        """Notes which names of the answer are aggregates: an alias, or the function's name where no column has it."""
        unnamed: dict[str, Expression] = {}
        columns: set[str] = set()
        for item in self.items:
            if not isinstance(item, Item):
                continue
            call = aggregate(item.expression)
            if call is None or call.unless_column:
                columns.add(item.alias or (call.function if call is not None else _column_name(item.expression)))
            elif item.alias:
                self.aggregates.setdefault(item.alias, item.expression)
            else:
                unnamed.setdefault(call.function, item.expression)
        for name, expression in unnamed.items():
            if name not in columns:
                self.aggregates.setdefault(name, expression)

    def select(self, source: tuple[Source, ...] = ()) -> Select:
        return Select(
            items=tuple(item.as_embed() if isinstance(item, Node) else item for item in self.items),
            source=source,
            where=conjunction(self.where),
            having=conjunction(self.having),
            order=self.order or (),
            limit=self.limit,
            offset=self.offset,
        )

    def as_embed(self) -> Embed:
        return Embed(self.relation, self.select(), self.alias, self.hint, self.inner, self.spread)


def _column_name(expression: Expression) -> str:
    inner = expression.of if isinstance(expression, Cast) else expression
    return inner.name if isinstance(inner, Column) else ""


def aggregate(expression: Expression) -> Call | None:
    """The aggregate that an item of the select parameter is, if it is one."""
    inner = expression.of if isinstance(expression, Cast) else expression
    return inner if isinstance(inner, Call) else None


def conjunction(conditions: list[Expression]) -> Expression | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return Logic("and", tuple(conditions))
