"""Runs gql, which needs another version of graphql-core, so this is a process of its own."""

import json
import sys
from typing import Any

from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport
from graphql import GraphQLError

url, token = sys.argv[1:]
transport = HTTPXTransport(url=url, headers={"Authorization": f"Bearer {token}"})
LIST = gql("query($a: Cursor) { postNodes(first: 2, after: $a) { nodes { headline } pageInfo { endCursor } } }")
INSERT = "mutation($i: InsertPostInput!) { insertPost(input: $i) { post { headline } } }"
DELETE = "mutation($f: PostFilter!) { deletePostNodes(filter: $f) { nodes { headline } } }"


def variables(document: str, **values: object) -> Any:
    request = gql(document)
    request.variable_values = values
    return request


def headlines(page: dict[str, Any]) -> list[str]:
    return [node["headline"] for node in page["postNodes"]["nodes"]]


found: dict[str, object] = {}
with Client(transport=transport, fetch_schema_from_transport=True) as session:
    first = session.execute(LIST)
    LIST.variable_values = {"a": first["postNodes"]["pageInfo"]["endCursor"]}
    found |= {"first": headlines(first), "second": headlines(session.execute(LIST))}
    made = session.execute(variables(INSERT, i={"headline": "of gql"}))
    found["made"] = made["insertPost"]["post"]["headline"]
    gone = session.execute(variables(DELETE, f={"headline": {"eq": "of gql"}}))
    found["gone"] = len(gone["deletePostNodes"]["nodes"])
    try:
        session.execute(gql("{ nothing }"))
    except GraphQLError as error:
        found["unknown"] = error.message
    try:
        session.execute(variables(INSERT, i={"headline": "x", "slug": "first"}))
    except TransportQueryError as error:
        found["taken"] = [one["extensions"]["code"] for one in error.errors]
print(json.dumps(found))
