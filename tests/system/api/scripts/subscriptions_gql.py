"""Subscribes by gql, which needs another version of graphql-core, so this is a process of its own."""

import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

url, token = sys.argv[1:]
DOCUMENT = """subscription { ordersNodes(status: "watched") { resync nodes { id rowId status } removedIds } }"""


async def main() -> None:
    transport = WebsocketsTransport(url=url, init_payload={"Authorization": f"Bearer {token}"})
    async with Client(transport=transport) as session:
        told = session.subscribe(gql(DOCUMENT))
        first = await anext(told)
        assert first["ordersNodes"]["resync"] is True
        print("ready", flush=True)
        second = await anext(told)
        print(json.dumps([second["ordersNodes"]]), flush=True)
        await told.aclose()


asyncio.run(main())
