"""Random schema changes, made of what there is at that moment and of a few names that there may be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import Any, TypeVar

from tests.sql.fuzz.catalog import UNLIMITED, Catalog, Column, Relation
from tests.sql.fuzz.model import split_path

SCHEMAS = ("fz", "Fz b")
RELATIONS = ("t", "u", "T t", "v")
COLUMNS = ("a", "b", "c", "C c")
#: Of indexes and constraints.
KEYS = ("k", "l", "m")
#: Whom foreign tables belong to; nothing answers there.
SERVER = "fz_server"
TYPES = (
    "integer",
    "bigint",
    "text",
    "varchar(20)",
    "varchar(40)",
    "varchar",
    "numeric(8,2)",
    "numeric(12,2)",
    "numeric",
    "boolean",
    "integer[]",
    "varchar(20)[]",
)

T = TypeVar("T")
Key = tuple[str, str]


class Draw:
    """Hypothesis' choices, in few words."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def one(self, of: Sequence[T]) -> T:
        """One of these."""
        return self._random.choice(of)

    def some(self, of: Sequence[T], least: int, most: int) -> list[T]:
        """Some of these, each once."""
        return self._random.sample(of, min(len(of), self._random.randint(least, most)))

    def number(self, least: int, most: int) -> int:
        """A number, both ends included."""
        return self._random.randint(least, most)

    def chance(self, one_in: int) -> bool:
        """True once in so many."""
        return self._random.randint(1, one_in) == one_in


def ident(name: str) -> str:
    """Quoted, always."""
    return '"' + name.replace('"', '""') + '"'


def place(schema: str, name: str) -> str:
    """A qualified name."""
    return f"{ident(schema)}.{ident(name)}"


def relation_name(relation: Relation) -> str:
    """A relation's qualified name."""
    return place(*relation.key)


class Statements:
    """Draws the next statement of a migration."""

    def __init__(self, draw: Draw, catalog: Catalog, roles: Sequence[str], claimed: Collection[Key] = ()) -> None:
        self.draw = draw
        self.catalog = catalog
        self.roles = roles
        relations = list(catalog.relations.values())
        self.relations = relations
        self.tables = [r for r in relations if r.kind in "rpf"]
        # What somebody claims is more worth changing.
        claimed_tables = [r for r in self.tables if r.key in claimed]
        if claimed_tables and not draw.chance(4):
            self.tables = claimed_tables
        self.plain = [r for r in relations if r.kind == "r" and not r.is_partition]
        self.partitioned = [r for r in relations if r.kind == "p"]
        self.partitions = [r for r in relations if r.kind in "rpf" and r.is_partition]
        self.views = [r for r in relations if r.kind in "vm"]
        self.schemas = list(catalog.schemas)

    def any(self) -> str:
        """A statement that has something to act on."""
        choices: list[Callable[[], str]] = []
        choices += [self.create_schema] if len(self.schemas) < len(SCHEMAS) else []
        if self.schemas:
            choices += [self.create_table, self.create_table, self.create_type, self.alter_schema, self.usage]
        if self.catalog.types:
            choices += [self.alter_type]
        if self.tables:
            choices += [self.add_column, self.drop_column, self.rename_column, self.retype, self.nullability] * 2
            choices += [self.rename, self.move, self.create_view, self.row_security, self.policy, self.identity]
            choices += [self.primary_key, self.drop_table, self.generated]
            choices += [self.unique_key, self.unique_index, self.foreign_key, self.drop_key] * 2
        if self.relations:
            choices += [self.revoke, self.grant]
        if self.views:
            choices += [self.drop_view, self.alter_view]
        if self.partitioned:
            choices += [self.partition, self.attach]
        if self.partitions:
            choices += [self.detach]
        if self.plain:
            choices += [self.child, self.inherit]
        return self.draw.one(choices)()

    # What there is.

    def column(self, relation: Relation) -> str:
        """A column of the relation, or now and then one that it may not have."""
        names = list(relation.columns) or list(COLUMNS)
        return ident(self.draw.one(names))

    def type(self) -> str:
        """A type, built in or somebody's own."""
        own = [place(schema, name) for schema, name, _ in self.catalog.types]
        return self.draw.one([*TYPES, *own, *own])

    def free(self, schema: str) -> str:
        """A name for a relation, free if there is one."""
        names = [name for name in RELATIONS if (schema, name) not in self.catalog.relations]
        return self.draw.one(names or list(RELATIONS))

    # Statements.

    def create_schema(self) -> str:
        return f"CREATE SCHEMA {ident(self.draw.one([s for s in SCHEMAS if s not in self.schemas]))}"

    def alter_schema(self) -> str:
        schema = self.draw.one(self.schemas)
        if self.draw.chance(3):
            return f"DROP SCHEMA {ident(schema)} CASCADE"
        return f"ALTER SCHEMA {ident(schema)} RENAME TO {ident(self.draw.one([*SCHEMAS, 'fz_moved']))}"

    def create_table(self) -> str:
        schema = self.draw.one(self.schemas)
        columns = [
            f"{ident(name)} {self.type()}{self.draw.one(['', ' NOT NULL'])}" for name in self.draw.some(COLUMNS, 1, 4)
        ]
        kind = self.draw.one(["TABLE", "TABLE", "TABLE", "TABLE", "UNLOGGED TABLE", "PARTITIONED", "FOREIGN TABLE"])
        if kind == "PARTITIONED":
            columns = ['"a" integer NOT NULL', *(c for c in columns if not c.startswith('"a"'))]
            return f'CREATE TABLE {place(schema, self.free(schema))} ({", ".join(columns)}) PARTITION BY LIST ("a")'
        if kind == "FOREIGN TABLE":
            return f"CREATE FOREIGN TABLE {place(schema, self.free(schema))} ({', '.join(columns)}) SERVER {SERVER}"
        if columns and not self.draw.chance(3):
            key = next(name for name in COLUMNS if columns[0].startswith(ident(name)))
            columns.append(f"PRIMARY KEY ({ident(key)})")
        return f"CREATE {kind} {place(schema, self.free(schema))} ({', '.join(columns)})"

    def create_type(self) -> str:
        schema = self.draw.one(self.schemas)
        if self.draw.chance(2):
            return f"CREATE TYPE {place(schema, 'mood')} AS ENUM ('good', 'bad')"
        return f"CREATE DOMAIN {place(schema, 'label')} AS {self.draw.one(['varchar(30)', 'text', 'integer'])}"

    def alter_type(self) -> str:
        schema, name, kind = self.draw.one(self.catalog.types)
        word = "TYPE" if kind == "e" else "DOMAIN"
        actions = [
            f"ALTER {word} {place(schema, name)} RENAME TO {ident(self.draw.one(['mood', 'label', 'kind']))}",
            f"ALTER {word} {place(schema, name)} SET SCHEMA {ident(self.draw.one(self.schemas))}",
            f"DROP {word} {place(schema, name)} CASCADE",
        ]
        if kind == "d":
            actions.append(f"ALTER DOMAIN {place(schema, name)} {self.draw.one(['SET', 'DROP'])} NOT NULL")
        return self.draw.one(actions)

    def drop_table(self) -> str:
        table = self.draw.one(self.tables)
        return f"DROP {_word(table)} {relation_name(table)}{self.draw.one(['', ' CASCADE'])}"

    def rename(self) -> str:
        relation = self.draw.one(self.relations)
        name = self.free(relation.schema)
        return f"ALTER {_word(relation)} {relation_name(relation)} RENAME TO {ident(name)}"

    def move(self) -> str:
        relation = self.draw.one(self.relations)
        return f"ALTER {_word(relation)} {relation_name(relation)} SET SCHEMA {ident(self.draw.one(self.schemas))}"

    def add_column(self) -> str:
        relation = self.draw.one(self.tables)
        free = [name for name in COLUMNS if name not in relation.columns] or list(COLUMNS)
        return (
            f"ALTER TABLE {relation_name(relation)} ADD COLUMN {ident(self.draw.one(free))} {self.type()}"
            + self.draw.one(["", " NOT NULL"])
        )

    def generated(self) -> str:
        relation = self.draw.one(self.tables)
        free = [name for name in COLUMNS if name not in relation.columns] or list(COLUMNS)
        return (
            f"ALTER TABLE {relation_name(relation)} ADD COLUMN {ident(free[0])} integer GENERATED ALWAYS AS (1) STORED"
        )

    def drop_column(self) -> str:
        relation = self.draw.one(self.tables)
        cascade = self.draw.one(["", " CASCADE"])
        return f"ALTER TABLE {relation_name(relation)} DROP COLUMN {self.column(relation)}{cascade}"

    def rename_column(self) -> str:
        relation = self.draw.one(self.tables)
        free = [name for name in COLUMNS if name not in relation.columns] or list(COLUMNS)
        column, name = self.column(relation), ident(self.draw.one(free))
        return f"ALTER TABLE {relation_name(relation)} RENAME COLUMN {column} TO {name}"

    def retype(self) -> str:
        relation, type_ = self.draw.one(self.tables), self.type()
        column = self.column(relation)
        return f"ALTER TABLE {relation_name(relation)} ALTER COLUMN {column} TYPE {type_} USING NULL::{type_}"

    def nullability(self) -> str:
        relation = self.draw.one(self.tables)
        action = self.draw.one(["SET", "DROP", "DROP"])
        fitting = [ident(c.name) for c in relation.columns.values() if c.not_null == (action == "DROP")]
        column = self.draw.one(fitting) if fitting else self.column(relation)
        return f"ALTER TABLE {relation_name(relation)} ALTER COLUMN {column} {action} NOT NULL"

    def create_view(self) -> str:
        table = self.draw.one(self.relations)
        schema = self.draw.one(self.schemas)
        columns = self.draw.some(list(table.columns), 1, 3) if table.columns else []
        kind = self.draw.one(["VIEW", "OR REPLACE VIEW", "MATERIALIZED VIEW"])
        selected = ", ".join(map(ident, columns))
        rights = " WITH (security_invoker)" if kind != "MATERIALIZED VIEW" and self.draw.chance(2) else ""
        return (
            f"CREATE {kind} {place(schema, self.free(schema))}{rights} AS SELECT {selected} FROM {relation_name(table)}"
        )

    def drop_view(self) -> str:
        view = self.draw.one(self.views)
        return f"DROP {_word(view)} {relation_name(view)}"

    def alter_view(self) -> str:
        view = self.draw.one(self.views)
        if view.kind == "v" and self.draw.chance(2):
            word = self.draw.one(["SET (security_invoker = on)", "RESET (security_invoker)"])
            return f"ALTER VIEW {relation_name(view)} {word}"
        name = self.draw.one(COLUMNS)
        return f"ALTER {_word(view)} {relation_name(view)} RENAME COLUMN {self.column(view)} TO {ident(name)}"

    def row_security(self) -> str:
        word = self.draw.one(["ENABLE", "ENABLE", "DISABLE"])
        return f"ALTER TABLE {relation_name(self.draw.one(self.tables))} {word} ROW LEVEL SECURITY"

    def policy(self) -> str:
        table = self.draw.one(self.tables)
        secured = [t for t in self.tables if t.row_security or t.policies]
        if secured:
            table = self.draw.one(secured)
        if table.policies and self.draw.chance(2):
            return f"DROP POLICY {self.draw.one(['p', 'q'])} ON {relation_name(table)}"
        kind = self.draw.one(["PERMISSIVE", "PERMISSIVE", "RESTRICTIVE"])
        command = self.draw.one(["ALL", "SELECT", "INSERT"])
        role = self.draw.one(["PUBLIC", *self.roles])
        name = self.draw.one(["p", "q"])
        return f"CREATE POLICY {name} ON {relation_name(table)} AS {kind} FOR {command} TO {role}" + (
            " WITH CHECK (true)" if command == "INSERT" else " USING (true)"
        )

    def identity(self) -> str:
        word = self.draw.one(["FULL", "FULL", "NOTHING", "DEFAULT"])
        return f"ALTER TABLE {relation_name(self.draw.one(self.tables))} REPLICA IDENTITY {word}"

    def primary_key(self) -> str:
        table = self.draw.one(self.tables)
        if self.draw.chance(2):
            return f"ALTER TABLE {relation_name(table)} DROP CONSTRAINT {ident(table.name + '_pkey')}"
        return f"ALTER TABLE {relation_name(table)} ADD PRIMARY KEY ({self.column(table)})"

    def unique_key(self) -> str:
        table = self.draw.one(self.tables)
        columns = ", ".join(map(ident, self.draw.some(list(table.columns) or list(COLUMNS), 1, 2)))
        return f"ALTER TABLE {relation_name(table)} ADD CONSTRAINT {self.draw.one(KEYS)} UNIQUE ({columns})"

    def unique_index(self) -> str:
        table = self.draw.one(self.tables)
        columns = ", ".join(map(ident, self.draw.some(list(table.columns) or list(COLUMNS), 1, 2)))
        only, where = self.draw.one(["", "", "ONLY "]), self.draw.one(["", "", "", " WHERE true"])
        return f"CREATE UNIQUE INDEX {self.draw.one(KEYS)} ON {only}{relation_name(table)} ({columns}){where}"

    def foreign_key(self) -> str:
        table, others = self.draw.one(self.tables), [r for r in self.relations if r.unique]
        other = self.draw.one(others or self.tables)
        numbers = set(self.draw.one(sorted(map(sorted, other.unique)))) if other.unique else set()
        its = [column for column in other.columns.values() if column.number in numbers] or list(other.columns.values())
        like = [[c.name for c in table.columns.values() if c.type == one.type] or list(table.columns) for one in its]
        if not all(like) or not its:
            return self.unique_key()
        own = ", ".join(ident(self.draw.one(names)) for names in like)
        to = f"{relation_name(other)} ({', '.join(ident(column.name) for column in its)})"
        late = self.draw.one(["", "", "", " NOT VALID"])
        name = self.draw.one(KEYS)
        return f"ALTER TABLE {relation_name(table)} ADD CONSTRAINT {name} FOREIGN KEY ({own}) REFERENCES {to}{late}"

    def drop_key(self) -> str:
        table, name, cascade = self.draw.one(self.tables), self.draw.one(KEYS), self.draw.one(["", "", " CASCADE"])
        shape = self.draw.number(1, 5)
        if shape == 1:
            return f"DROP INDEX {place(table.schema, name)}{cascade}"
        if shape == 2:
            return f"ALTER TABLE {relation_name(table)} VALIDATE CONSTRAINT {name}"
        name = self.draw.one([name, ident(table.name + "_pkey")])
        return f"ALTER TABLE {relation_name(table)} DROP CONSTRAINT {name}{cascade}"

    def partition(self) -> str:
        root = self.draw.one(self.partitioned)
        schema = self.draw.one(self.schemas)
        name, value = place(schema, self.free(schema)), self.draw.number(1, 3)
        if self.draw.chance(4):
            of = f"PARTITION OF {relation_name(root)} FOR VALUES IN ({value})"
            return f"CREATE FOREIGN TABLE {name} {of} SERVER {SERVER}"
        return f"CREATE TABLE {name} PARTITION OF {relation_name(root)} FOR VALUES IN ({value})" + self.draw.one(
            ["", ' PARTITION BY LIST ("a")']
        )

    def attach(self) -> str:
        root = self.draw.one(self.partitioned)
        like = [t for t in self.plain if set(t.columns) == set(root.columns)]
        if not like:
            schema = self.draw.one(self.schemas)
            return f"CREATE TABLE {place(schema, self.free(schema))} (LIKE {relation_name(root)})"
        part, value = relation_name(self.draw.one(like)), self.draw.number(4, 6)
        return f"ALTER TABLE {relation_name(root)} ATTACH PARTITION {part} FOR VALUES IN ({value})"

    def child(self) -> str:
        parents = self.draw.some(self.plain, 1, 2)
        schema = self.draw.one(self.schemas)
        kind, server = self.draw.one([("TABLE", ""), ("TABLE", ""), ("FOREIGN TABLE", f" SERVER {SERVER}")])
        own = self.draw.one(["", f"{ident(self.draw.one(COLUMNS))} {self.type()}"])
        inherited = ", ".join(map(relation_name, parents))
        return f"CREATE {kind} {place(schema, self.free(schema))} ({own}) INHERITS ({inherited}){server}"

    def inherit(self) -> str:
        child, parent = self.draw.one(self.plain), self.draw.one(self.plain)
        word = self.draw.one(["INHERIT", "NO INHERIT"])
        return f"ALTER TABLE {relation_name(child)} {word} {relation_name(parent)}"

    def detach(self) -> str:
        part = self.draw.one(self.partitions)
        roots = [r for r in self.partitioned if part.oid in r.leaves] or self.partitioned or [part]
        return f"ALTER TABLE {relation_name(self.draw.one(roots))} DETACH PARTITION {relation_name(part)}"

    def revoke(self) -> str:
        relation, role = self.draw.one(self.relations), self.draw.one(self.roles)
        columns = f" ({self.column(relation)})" if self.draw.chance(2) else ""
        return f"REVOKE SELECT{columns} ON {relation_name(relation)} FROM {role}"

    def grant(self) -> str:
        relation, role = self.draw.one(self.relations), self.draw.one([*self.roles, "PUBLIC"])
        columns = f" ({self.column(relation)})" if self.draw.chance(2) else ""
        return f"GRANT SELECT{columns} ON {relation_name(relation)} TO {role}"

    def usage(self) -> str:
        schema, role = self.draw.one(self.schemas), self.draw.one(self.roles)
        verb, to = self.draw.one([("GRANT", "TO"), ("REVOKE", "FROM")])
        return f"{verb} USAGE ON SCHEMA {ident(schema)} {to} {role}"


def _word(relation: Relation) -> str:
    return {"v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}.get(relation.kind, "TABLE")


def meaning(match: dict[str, Any]) -> tuple[Any, ...]:
    """Equal for matches that mean the same, and for some that differ in what they ask of the same columns."""

    def names(field: str | dict[str, Any]) -> tuple[str, ...]:
        if isinstance(field, str):
            return (field,)
        if "alternatives" in field:
            return tuple(name for choice in field["alternatives"] for name in names(choice))
        return (field["name"],)

    return (
        tuple(
            (
                split_path(alternative["path"]),
                frozenset(map(names, alternative.get("fields") or ())),
                repr(alternative.get("unique")),
                repr(alternative.get("references")),
            )
            for alternative in match.get("alternatives", [match])
        ),
        match.get("optional", False),
        frozenset(match.get("events", ["*"])),
    )


def _first_name(field: str | dict[str, Any]) -> str:
    while not isinstance(field, str):
        field = field["alternatives"][0] if "alternatives" in field else field["name"]
    return field


def _has_choices(match: dict[str, Any]) -> bool:
    fields = [field for one in match.get("alternatives", [match]) for field in one.get("fields") or ()]
    return len(match.get("alternatives", [match])) > 1 or any(
        isinstance(f, dict) and "alternatives" in f for f in fields
    )


class Documents:
    """Draws specifications of what there is, and of a little that there is not."""

    def __init__(self, draw: Draw, catalog: Catalog, spellings: dict[str, tuple[str, ...]]) -> None:
        self.draw = draw
        self.catalog = catalog
        self.spellings = spellings

    def document(self, kind: str) -> dict[str, Any]:
        """A specification of this kind."""
        matches = [self.match(kind) for _ in range(self.draw.one([0, 1, 1, 2, 3]))]
        if kind == "claims":
            self._add_keys(matches)
        # The same match twice is refused.
        return {"match": list({meaning(match): match for match in matches}.values())}

    def match(self, kind: str) -> dict[str, Any]:
        """A match."""
        more: dict[str, Any] = {"optional": True} if self.draw.chance(5) else {}
        if kind == "notifications":
            events = self.draw.one([[], ["*"], ["INSERT"], ["INSERT", "TRUNCATE"], ["UPDATE"], ["DELETE", "INSERT"]])
            more |= {"events": events} if events else {}
        more |= {"until": "2999-12-31"} if self.draw.chance(6) else {}
        shape = self.draw.number(1, 8)
        if shape == 1:
            schema = self.draw.one([*self.catalog.schemas, *SCHEMAS])
            return {"path": self._part(schema) + ".*", "fields": ["*"], **more}
        if shape == 2:
            # The same alternative twice is refused.
            alternatives = {
                split_path(a["path"]): a for a in (self.alternative() for _ in range(self.draw.number(1, 3)))
            }
            return {"alternatives": list(alternatives.values()), **more}
        return {**self.alternative(), **more}

    def _add_keys(self, matches: list[dict[str, Any]]) -> None:
        """Give tables keys, mostly such as they have."""
        # A reference to the first of several alternatives follows them, which the model does not know.
        followed = {
            split_path(match.get("alternatives", [match])[0]["path"]) for match in matches if _has_choices(match)
        }
        for one in [one for match in matches for one in match.get("alternatives", [match])]:
            fields = [_first_name(given) for given in one.get("fields") or ()]
            relation = self.catalog.relations.get(split_path(one["path"]))
            columns = relation.columns if relation else {}
            names = list(columns) if fields == ["*"] else [name for name in fields if fields.count(name) == 1]
            if not names or one["path"].endswith("*") or self.draw.chance(3):
                continue
            by_number = {column.number: name for name, column in columns.items() if name in names}
            known = [list(map(by_number.get, sorted(key))) for key in (relation.unique if relation else ())]
            unique = [[str(name) for name in key] for key in known if None not in key]
            if self.draw.chance(8):
                unique.append(self.draw.some(names, 1, 2))
            unique = [list(key) for key in dict.fromkeys(tuple(sorted(key)) for key in unique)]
            references = []
            for other, pairs in sorted(relation.references, key=repr) if relation else ():
                found = self.catalog.by_oid.get(other)
                if found is None or found.key in followed or not {own for own, _ in pairs} <= set(by_number):
                    continue
                to = {column.number: column.name for column in found.columns.values()}
                reference = {"fields": [by_number[own] for own, _ in sorted(pairs)], "to": self._path(found.key)}
                its = [number for _, number in sorted(pairs)]
                if its != list(found.primary) or self.draw.chance(2):
                    reference["to_fields"] = [to[number] for number in its]
                references.append(reference)
            one |= {"unique": self.draw.some(unique, 1, 2)} if unique else {}
            one |= {"references": references[:1]} if references else {}

    def alternative(self) -> dict[str, Any]:
        """A table with fields."""
        present = list(self.catalog.relations.values())
        if present and not self.draw.chance(12):
            relation = self.draw.one(present)
            return {"path": self._path(relation.key), **self.fields(relation)}
        key = (self.draw.one(SCHEMAS), self.draw.one(RELATIONS))
        return {"path": self._path(key), **self.fields(self.catalog.relations.get(key))}

    def fields(self, relation: Relation | None) -> dict[str, Any]:
        """What is wanted of it."""
        shape = self.draw.number(1, 6)
        if shape == 1:
            return self.draw.one([{}, {"fields": None}, {"fields": []}])
        if shape == 2:
            return {"fields": ["*"]}
        columns = relation.columns if relation else {}
        names = self.draw.some(list(columns) if columns and not self.draw.chance(8) else COLUMNS, 1, 3)
        fields: list[Any] = [self.choice(name, columns.get(name), optional=True) for name in names]
        others = [name for name in COLUMNS if name not in names]
        if others and self.draw.chance(4):
            choices = [
                self.choice(name, columns.get(name), optional=False)
                for name in self.draw.some([*others, fields.pop() and names[-1]], 1, 3)
            ]
            fields.append({"alternatives": choices, **({"optional": True} if self.draw.chance(5) else {})})
        return {"fields": fields}

    def choice(self, name: str, column: Column | None, *, optional: bool) -> str | dict[str, Any]:
        """A column, and maybe what it must be like."""
        if self.draw.chance(2):
            return name
        wanted: dict[str, Any] = {"name": name}
        if self.draw.chance(3):
            wanted["type"] = self._type(column)
        if self.draw.chance(3):
            lengths = [length for length in (1, 8, 10, 20, 40) if column is None or length <= column.length]
            unlimited = column is None or column.length == UNLIMITED or self.draw.chance(8)
            wanted["min_length"] = self.draw.one([*lengths, "unlimited"] if unlimited else lengths)
        if self.draw.chance(3):
            strict = column is None or column.not_null or self.draw.chance(8)
            wanted["is_nullable"] = self.draw.one([True, False, "true", "false"] if strict else [True, "true"])
        if optional and self.draw.chance(4):
            wanted["optional"] = True
        return wanted

    def _type(self, column: Column | None) -> str:
        if column is None or self.draw.chance(6):
            return self.draw.one([spelling for of in self.spellings.values() for spelling in of])
        if column.type_kind == "b":
            return self.draw.one([*self.spellings[column.type], *(["ARRAY"] if column.type.endswith("[]") else [])])
        families = ("USER-DEFINED",) if column.type_kind == "e" else self.spellings[column.base]
        return self.draw.one([column.type, column.type.rpartition(".")[2], *families])

    def _path(self, key: tuple[str, str]) -> str:
        return ".".join(map(self._part, key))

    def _part(self, name: str) -> str:
        return ident(name) if " " in name or self.draw.chance(6) else name
