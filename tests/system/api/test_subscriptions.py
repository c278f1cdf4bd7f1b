"""Live subscriptions with a real daemon: complete, in order, and never more than a query would show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.api.conftest import StartApi, new_place
from tests.system.api.harness import Api
from tests.system.api.subscribing import Shop, Subscriber, new_shop
from tests.system.harness import Cluster


@pytest.fixture(scope="module")
def shop(data_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop of these tests."""
    with new_place(data_cluster) as place, new_shop(place, tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.fixture(scope="module")
def live(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The service of these tests."""
    api = Api(shop.place, tmp_path_factory.mktemp("api") / "log", *shop.options(), "--connections", "5")
    yield api
    assert api.stop() == 0


def test_a_subscriber_is_told_of_inserts_updates_and_deletes(shop: Shop, live: Api) -> None:
    subscriber = Subscriber.opened(live, shop.stakeholder)
    subscriber.subscribe()
    shop.superuser.run("INSERT INTO orders VALUES (1, 'new')")
    assert subscriber.next() == {"resync": False, "nodes": [{"rowId": 1, "status": "new"}], "removedIds": []}
    shop.superuser.run("UPDATE orders SET status = 'paid' WHERE id = 1")
    assert subscriber.next()["nodes"] == [{"rowId": 1, "status": "paid"}]
    shop.superuser.run("DELETE FROM orders WHERE id = 1")
    assert subscriber.next() == {"resync": False, "nodes": [], "removedIds": ["WyJvcmRlcnMiLCAiMSJd"]}
    subscriber.close()
