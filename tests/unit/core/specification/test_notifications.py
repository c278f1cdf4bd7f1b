"""The grammar of notifications: events and channels in a match, and the channels that a document defines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.specification.channel_rules import REDACTED, environment_problem, variables_of
from integratedb.specification.channels import Channel, redact
from integratedb.specification.intake import MAX_CHANNELS, parse, shorten
from integratedb.specification.model import Match, Specification
from integratedb.specification.reader import read
from tests.unit.core.documents import read_without_escapes

SECRET = "whsec_" + "A" * 32
HOOK: Channel = {"type": "WEBHOOK", "url": "https://shop.example/hooks", "secret": SECRET}
BUS: Channel = {"type": "REDIS", "url": "redis://localhost/0"}
LIVE: Channel = {"type": "SOCKET"}


def accepted(document: object, stored: list[Channel] | None = None) -> Specification:
    specification = parse(document, "notifications", stored)
    assert isinstance(specification, Specification), specification
    return specification


def refused(document: object, pointer: str, *words: str, stored: list[Channel] | None = None) -> None:
    verdict = parse(document, "notifications", stored)
    assert isinstance(verdict, list), verdict
    ((where, message),) = [(refusal.pointer, refusal.message) for refusal in verdict]
    assert where == pointer
    assert read_without_escapes(message, document), message
    for word in words:
        assert word in message


def match(**keys: Any) -> Match:
    return accepted({"match": {"path": "shop.orders", **keys}}).match[0]


def channels(*written: Channel) -> dict[str, Any]:
    return {"match": [], "channels": list(written)}


def the_channel(written: Channel) -> Channel:
    filled = accepted(channels(written)).channels
    assert filled is not None
    return filled[0]


def test_more_channels_than_the_limit_are_refused_whatever_their_shape() -> None:
    many = [{**LIVE, "name": f"live{number}"} for number in range(MAX_CHANNELS + 1)]
    assert len(accepted(channels(*many[:-1])).channels or ()) == MAX_CHANNELS
    refused(channels(*many), "#/channels", f"it has {MAX_CHANNELS + 1} channels")
    refused({"match": [], "channels": [5] * (MAX_CHANNELS + 1)}, "#/channels", f"it has {MAX_CHANNELS + 1} channels")


# Matches


def test_events_and_channels_default_to_all() -> None:
    assert (match().events, match().channels) == (("*",), ("*",))


def test_events_are_put_in_one_order() -> None:
    assert match(events=["DELETE", "INSERT"]).events == ("INSERT", "DELETE")


@pytest.mark.parametrize("event", ["insert", "SELECT", "", 5, None])
def test_an_event_misspelt_is_refused_with_those_there_are(event: object) -> None:
    refused({"match": {"path": "a.b", "events": [event]}}, "#/match/events/0", "'INSERT', 'UPDATE', 'DELETE'")


@pytest.mark.parametrize("key", ["events", "channels"])
def test_events_and_channels_are_not_empty(key: str) -> None:
    refused({"match": {"path": "a.b", key: []}}, f"#/match/{key}", "it is empty")


@pytest.mark.parametrize("key", ["events", "channels"])
def test_events_and_channels_are_arrays(key: str) -> None:
    refused({"match": {"path": "a.b", key: "*"}}, f"#/match/{key}", "is not an array")


@pytest.mark.parametrize(("key", "word"), [("events", "INSERT"), ("channels", "SOCKET")])
def test_the_wildcard_stands_alone(key: str, word: str) -> None:
    refused({"match": {"path": "a.b", key: [word, "*"]}}, f"#/match/{key}/1", "only entry")


@pytest.mark.parametrize(("key", "word"), [("events", "INSERT"), ("channels", "SOCKET")])
def test_an_entry_stands_once(key: str, word: str) -> None:
    refused({"match": {"path": "a.b", key: [word, word]}}, f"#/match/{key}/1", "stands before it")


def test_events_stand_beside_alternatives_not_in_them() -> None:
    document = {"match": {"alternatives": [{"path": "a.b", "events": ["INSERT"]}]}}
    refused(document, "#/match/alternatives/0/events", "is not allowed")
    assert accepted({"match": {"alternatives": [{"path": "a.b"}], "events": ["INSERT"]}}).match[0].events == ("INSERT",)


def test_a_match_names_channels_of_the_document() -> None:
    document = {"match": {"path": "a.b", "channels": ["shop", "REDIS"]}, "channels": [{**HOOK, "name": "shop"}, BUS]}
    assert accepted(document).match[0].channels == ("shop", "REDIS")


def test_a_type_stands_for_its_channels_whatever_their_names() -> None:
    accepted({"match": {"path": "a.b", "channels": ["WEBHOOK"]}, "channels": [{**HOOK, "name": "shop"}]})


def test_an_unknown_channel_is_refused() -> None:
    document = {"match": {"path": "a.b", "channels": ["shop", "REDIS"]}, "channels": [BUS]}
    refused(document, "#/match/channels/0", "'shop'")


def test_a_type_without_a_channel_is_refused() -> None:
    document = {"match": {"path": "a.b", "channels": ["WEBHOOK"]}, "channels": [BUS]}
    refused(document, "#/match/channels/0", "no channel of type WEBHOOK")


def test_without_channels_in_the_document_a_match_names_stored_ones() -> None:
    document = {"match": {"path": "a.b", "channels": ["shop"]}}
    assert accepted(document, [{**HOOK, "name": "shop"}]).channels is None
    refused(document, "#/match/channels/0", "'shop'", stored=[BUS])


def test_names_are_not_checked_when_nobody_knows_the_stored_channels() -> None:
    accepted({"match": {"path": "a.b", "channels": ["shop"]}})


# Channels


def test_an_empty_array_of_channels_is_not_the_same_as_none() -> None:
    assert accepted({"match": []}).channels is None
    assert accepted(channels()).channels == ()
    assert shorten(accepted(channels())) == {"match": [], "channels": []}


def test_defaults_are_filled_in_and_left_out_again() -> None:
    assert the_channel(HOOK) == {
        **HOOK,
        "name": "WEBHOOK",
        "timeout": 10,
        "batch": 1,
        "concurrency": 1,
        "max_queue_bytes": 1024**3,
        "max_queue_age": 7 * 24 * 60 * 60,
    }
    assert the_channel(LIVE)["mode"] == "queue"
    for channel in (HOOK, BUS, LIVE):
        assert shorten(accepted(channels(channel))) == channels(channel)


def test_the_defaults_are_those_of_the_published_schema() -> None:
    from integratedb.specification.channels import DEFAULTS
    from integratedb.specification.shape import schema

    definitions = schema("notifications")["$defs"]
    for channel_type, defaults in DEFAULTS.items():
        published = {
            key: definitions.get(key, part).get("default")
            for key, part in definitions[channel_type.lower()]["properties"].items()
        }
        assert {key: value for key, value in published.items() if value is not None} == defaults


def test_a_whole_document_read_back_from_its_short_form_is_the_same() -> None:
    specification = accepted(
        {"match": {"path": "a.b", "fields": ["id"], "events": ["UPDATE"]}, "channels": [HOOK, BUS, LIVE]}
    )
    assert read(shorten(specification), "notifications") == specification


@pytest.mark.parametrize("channel", [{}, {"name": "shop"}])
def test_a_channel_without_type(channel: Channel) -> None:
    refused(channels(channel), "#/channels/0", "needs 'type'")


@pytest.mark.parametrize("channel_type", ["webhook", "EMAIL", 5, None])
def test_an_unknown_type_is_refused_with_those_there_are(channel_type: object) -> None:
    refused(channels({"type": channel_type}), "#/channels/0/type", "'SOCKET', 'WEBHOOK', 'REDIS'")


@pytest.mark.parametrize(
    ("channel", "key"),
    [(HOOK, "mode"), (HOOK, "stream"), (BUS, "secret"), (BUS, "batch"), (LIVE, "url"), (LIVE, "max_attempts")],
)
def test_a_key_of_another_type_is_refused(channel: Channel, key: str) -> None:
    refused(channels({**channel, key: "x"}), f"#/channels/0/{key}", "is not allowed in a channel of type")


@pytest.mark.parametrize(("channel", "key"), [(HOOK, "url"), (HOOK, "secret"), (BUS, "url")])
def test_a_channel_has_what_its_type_needs(channel: Channel, key: str) -> None:
    without = {other: value for other, value in channel.items() if other != key}
    refused(channels(without), "#/channels/0", f"needs '{key}'")


@pytest.mark.parametrize(
    ("channel", "key", "low", "high"),
    [
        (HOOK, "timeout", 0.1, 300),
        (HOOK, "batch", 1, 1000),
        (HOOK, "concurrency", 1, 100),
        (HOOK, "max_attempts", 1, 100000),
        (BUS, "max_attempts", 1, 100000),
        (BUS, "maxlen", 1, 2**53 - 1),
        (LIVE, "max_queue_bytes", 1024, 2**53 - 1),
        (LIVE, "max_queue_age", 1, 31536000),
    ],
)
def test_limits_hold(channel: Channel, key: str, low: float, high: float) -> None:
    for value in (low, high):
        assert the_channel({**channel, key: value})[key] == value
    for wrong in (0, high + 1, "10", None, True):
        refused(channels({**channel, key: wrong}), f"#/channels/0/{key}", "a number of")


def test_a_mode_is_queue_or_broadcast() -> None:
    assert the_channel({**LIVE, "mode": "broadcast"})["mode"] == "broadcast"
    refused(channels({**LIVE, "mode": "topic"}), "#/channels/0/mode", "'topic'", "'queue', 'broadcast'")


def test_a_number_out_of_its_limits_is_shown() -> None:
    refused(channels({**HOOK, "batch": 1001}), "#/channels/0/batch", "1001 is not a number of events, from 1 to 1000")


@pytest.mark.parametrize("name", ["shop", "a-b_C9", "_", "x" * 63])
def test_a_channel_name(name: str) -> None:
    assert the_channel({**LIVE, "name": name})["name"] == name


@pytest.mark.parametrize("name", ["", "*", "a b", "a/b", "9", "x" * 64, "shop\n", "ü"])
def test_what_is_no_channel_name(name: str) -> None:
    refused(channels({**LIVE, "name": name}), "#/channels/0/name", "is not a channel name")


def test_channels_have_names_of_their_own() -> None:
    refused(channels(BUS, {**BUS, "name": "bus"}, BUS), "#/channels/2", "another channel")
    refused(channels({**BUS, "name": "x"}, {**LIVE, "name": "x"}), "#/channels/1/name", "another channel")


def test_a_type_names_only_a_channel_of_that_type() -> None:
    refused(channels({**BUS, "name": "SOCKET"}), "#/channels/0/name", "SOCKET")
    assert the_channel({**BUS, "name": "REDIS"})["name"] == "REDIS"


def test_a_stream_or_a_topic_but_not_both() -> None:
    assert the_channel({**BUS, "topic": "orders"})["topic"] == "orders"
    refused(channels({**BUS, "topic": "orders", "stream": "orders"}), "#/channels/0/stream", "beside")
    refused(channels({**BUS, "topic": "orders", "maxlen": 10}), "#/channels/0/maxlen", "beside")


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        (HOOK, "http://localhost"),
        (HOOK, "https://u:p%40w@shop.example:8443/a/b?c=d&e=f"),
        (HOOK, "https://[::1]:8080/"),
        (HOOK, "https://token@host/"),
        (HOOK, "env:INTEGRATEDB_SECRET_SHOP__HOOK_URL"),
        (HOOK, "https://shop.example/?text=a%0Ab"),
        (BUS, "redis://localhost"),
        (BUS, "redis://localhost:6379/"),
        (BUS, "rediss://user:pw@redis.example:6380/12"),
        (BUS, "redis://us%C3%A9r:p%20w@redis.example"),
        (BUS, "env:INTEGRATEDB_SECRET_SHOP_2__BUS"),
    ],
)
def test_a_url(channel: Channel, url: str) -> None:
    assert the_channel({**channel, "url": url})["url"] == url


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        (HOOK, "ftp://shop.example/"),
        (HOOK, "redis://shop.example/"),
        (HOOK, "HTTP://shop.example/"),
        (HOOK, "http:shop.example"),
        (HOOK, "http:///hooks"),
        (HOOK, "http://:80/"),
        (HOOK, "http://shop.example:0/"),
        (HOOK, "http://shop.example:99999/"),
        (HOOK, "http://shop.example:x/"),
        (HOOK, "http://[::1/"),
        (HOOK, "http://[fe80::1%25eth0]/"),
        (HOOK, "http://a@b@c/"),
        (HOOK, "http://shop.example/#top"),
        (HOOK, "http://shop.example/a b"),
        (HOOK, "http://shop.example\\@evil.example/"),
        (HOOK, "http://shop.example/\r\nX: y"),
        (HOOK, "https://größe.example/"),
        (HOOK, "http://a,b/"),
        (HOOK, "env:"),
        (HOOK, "env:INTEGRATEDB_SECRET_"),
        (HOOK, "env:INTEGRATEDB_SECRET_URL"),
        (HOOK, "env:INTEGRATEDB_SECRET_A__B-C"),
        (HOOK, "env:INTEGRATEDB_SECRET_A__B\n"),
        (HOOK, "env:INTEGRATEDB_SECRET_A__"),
        (HOOK, "env:INTEGRATEDB_SECRET_A__B_"),
        (HOOK, "env:INTEGRATEDB_SECRET_a__B"),
        (HOOK, f"env:INTEGRATEDB_SECRET_A__{'B' * 101}"),
        (HOOK, "env:INTEGRATEDB_DSN"),
        (HOOK, "env:PGPASSWORD"),
        (HOOK, "env:integratedb_secret_url"),
        (HOOK, "env:XINTEGRATEDB_SECRET_URL"),
        (HOOK, "http://u:p%0d%0aX@shop.example/"),
        (HOOK, "http://u%00:pw@shop.example/"),
        (HOOK, "http://u:%7F@shop.example/"),
        (HOOK, "http://u:%ff@shop.example/"),
        (BUS, "redis://:swordfish%0D%0ASET%20a%20b@localhost"),
        (BUS, "redis://:swordfish%0a@localhost"),
        (BUS, "redis://us%0aer:swordfish@localhost"),
        (BUS, "redis://:%C2%85swordfish@localhost"),
        (BUS, "redis://:%E2%80%A8swordfish@localhost"),
        (BUS, "redis://:%FFswordfish@localhost"),
        (BUS, "env:REDIS_URL"),
        (BUS, "http://localhost"),
        (BUS, "unix:///var/run/redis.sock"),
        (BUS, "redis://localhost/orders"),
        (BUS, "redis://localhost/0?socket_timeout=1"),
        (BUS, "redis://localhost/0/1"),
    ],
)
def test_what_is_no_url_of_the_type_is_refused_without_repeating_it(channel: Channel, url: str) -> None:
    verdict = parse(channels({**channel, "url": url}), "notifications")
    assert isinstance(verdict, list), verdict
    assert [refusal.pointer for refusal in verdict] == ["#/channels/0/url"]
    assert url.removeprefix("env:") not in verdict[0].message or url in ("env:", "env:INTEGRATEDB_SECRET_")


@pytest.mark.parametrize(
    "secret",
    [SECRET, "whsec_" + "AAAA" * 21 + "AA==", "env:INTEGRATEDB_SECRET_SHOP__HOOK", "env:INTEGRATEDB_SECRET____x9_Y"],
)
def test_a_secret(secret: str) -> None:
    assert the_channel({**HOOK, "secret": secret})["secret"] == secret


@pytest.mark.parametrize(
    ("stakeholder", "variable", "is_own"),
    [
        ("a", "A__B", True),
        ("a", "A__B_C", True),
        ("a_b", "A_B__C", True),
        ("a__b", "A__B__C", True),
        ("a_", "A___B", True),
        ("_", "___B", True),
        ("a", "A_B__C", False),
        ("a", "A__B__C", False),
        ("a", "A___B", False),
        ("a_b", "A__B_C", False),
        ("a", "B__A", False),
        ("a", "A_B", False),
        ("a", "B", False),
    ],
)
def test_channels_name_the_variables_of_their_own_stakeholder(stakeholder: str, variable: str, is_own: bool) -> None:
    named = {**HOOK, "secret": f"env:INTEGRATEDB_SECRET_{variable}", "url": f"env:INTEGRATEDB_SECRET_{variable}"}
    verdict = parse(channels(named, {**BUS, "url": named["url"]}), "notifications", (), stakeholder)
    if is_own:
        assert not isinstance(verdict, list), verdict
        return
    assert isinstance(verdict, list), verdict
    assert [refusal.pointer for refusal in verdict] == ["#/channels/0/url", "#/channels/0/secret", "#/channels/1/url"]
    assert all(f"INTEGRATEDB_SECRET_{stakeholder.upper()}__" in refusal.message for refusal in verdict)


STAKEHOLDERS = st.text("ab_", min_size=1, max_size=5)


@given(STAKEHOLDERS, STAKEHOLDERS, st.text("AB_", min_size=1, max_size=5))
def test_no_variable_is_that_of_two_stakeholders(one: str, other: str, name: str) -> None:
    text = f"env:{variables_of(one)}{name}"
    if environment_problem(text, one) is None:
        assert (environment_problem(text, other) is None) == (one == other)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "swordfish",
        "A" * 32,
        "whsec_",
        "whsec_" + "A" * 28,
        "whsec_" + "AAAA" * 22,
        "whsec_" + "A" * 31 + "_",
        "whsec_" + "A" * 33,
        "whsec_" + "A" * 32 + "\n",
        "whsec_" + "A" * 33 + "B==",
        "env:",
        "env:9",
        "env:HOOK SECRET",
        "env:HOOK_SECRET",
        "env:INTEGRATEDB_DSN",
        "env:INTEGRATEDB_SECRET_",
        "env:INTEGRATEDB_SECRET_A__HOOK SECRET",
        "env:PGPASSWORD",
        "x" * 300,
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(secret: str) -> None:
    verdict = parse(channels({**HOOK, "secret": secret}), "notifications")
    assert isinstance(verdict, list), verdict
    assert [refusal.pointer for refusal in verdict] == ["#/channels/0/secret"]
    assert len(secret) < 9 or secret[:20] not in verdict[0].message


@pytest.mark.parametrize("place", ["channel", "url", "secret", "timeout", "type"])
def test_no_message_repeats_a_secret_that_stands_in_the_wrong_place(place: str) -> None:
    secret = "redis://:swordfish@host"
    written: Any = secret if place == "channel" else {**HOOK, place: [secret] if place == "url" else secret}
    verdict = parse({"match": [], "channels": [written]}, "notifications")
    assert isinstance(verdict, list), verdict
    if place != "type":
        assert all("swordfish" not in refusal.message for refusal in verdict)


# Secrets


def test_secrets_are_shown_to_nobody() -> None:
    assert redact({**HOOK, "url": "https://u:pw@host/x"}) == {
        **HOOK,
        "url": f"https://u:{REDACTED}@host/x",
        "secret": REDACTED,
    }
    assert redact({**BUS, "url": "redis://:pw@host/0"})["url"] == f"redis://:{REDACTED}@host/0"
    assert redact({**BUS, "url": "redis://u:p:w@host/0"})["url"] == f"redis://u:{REDACTED}@host/0"
    assert redact({**HOOK, "url": "https://token@host/"})["url"] == f"https://{REDACTED}@host/"


def test_what_is_no_secret_is_shown() -> None:
    for channel in (
        {**HOOK, "secret": "env:INTEGRATEDB_SECRET_S__A", "url": "env:INTEGRATEDB_SECRET_S__B"},
        {**BUS, "stream": "a@b"},
        LIVE,
    ):
        assert redact(channel) == channel


def test_a_redacted_secret_put_back_keeps_the_stored_one() -> None:
    stored: list[Channel] = [{**HOOK, "name": "shop", "url": "https://u:pw@host/"}, {**BUS, "url": "redis://:pw@h"}]
    shown = [redact(channel) for channel in stored]
    specification = accepted(channels(*shown), stored)
    assert shorten(specification)["channels"] == stored


def test_a_new_secret_or_url_replaces_the_stored_one() -> None:
    stored: list[Channel] = [{**HOOK, "url": "https://u:pw@host/"}, LIVE]
    new: list[Channel] = [{**HOOK, "url": "https://u:new@host/", "secret": "whsec_" + "B" * 32}, LIVE]
    assert shorten(accepted(channels(*new), stored))["channels"] == new


def test_a_redacted_secret_is_not_that_of_a_channel_of_another_type() -> None:
    bus: Channel = {**BUS, "name": "shop", "url": "redis://:pw@host/0"}
    refused(channels({**HOOK, "name": "shop", "secret": REDACTED}), "#/channels/0/secret", "redacted", stored=[bus])
    refused(channels(redact(bus)), "#/channels/0/url", "redacted", stored=[{**HOOK, "name": "shop"}])


def test_a_redacted_secret_without_a_stored_one_is_refused() -> None:
    refused(channels({**HOOK, "secret": REDACTED}), "#/channels/0/secret", "redacted")
    renamed = {**HOOK, "name": "other", "secret": REDACTED}
    refused(channels(renamed), "#/channels/0/secret", "redacted", stored=[HOOK])


def test_a_redacted_password_does_not_go_to_another_host() -> None:
    stored: list[Channel] = [{**BUS, "url": "redis://:pw@host/0"}]
    moved = {**BUS, "url": f"redis://:{REDACTED}@evil.example/0"}
    refused(channels(moved), "#/channels/0/url", "redacted", stored=stored)


@pytest.mark.parametrize(
    "url",
    f"https://evil.example/ https://host/other https://u:other@host/x http://u:pw@host/x https://u:pw@host:8443/x"
    f" https://{REDACTED}@host/x https://u:{REDACTED}@host/y env:INTEGRATEDB_SECRET_S__URL".split(),
)
def test_a_redacted_secret_stays_with_the_url_it_was_given_for(url: str) -> None:
    stored: list[Channel] = [{**HOOK, "name": "shop", "url": "https://u:pw@host/x"}]
    moved = {**redact(stored[0]), "url": url}
    verdict = parse(channels(moved), "notifications", stored)
    assert isinstance(verdict, list), verdict
    assert "#/channels/0/secret" in [refusal.pointer for refusal in verdict]
    assert any("URL" in refusal.message for refusal in verdict)


def test_a_redacted_secret_stays_with_the_variable_that_its_url_comes_from() -> None:
    stored: list[Channel] = [{**HOOK, "name": "shop", "url": "env:INTEGRATEDB_SECRET_S__A"}]
    assert shorten(accepted(channels(redact(stored[0])), stored))["channels"] == stored
    moved = {**redact(stored[0]), "url": "env:INTEGRATEDB_SECRET_S__B"}
    refused(channels(moved), "#/channels/0/secret", "URL", stored=stored)


def test_a_channel_that_has_no_secret_stored_restores_none() -> None:
    stored: list[Channel] = [{"name": "shop", "type": "WEBHOOK", "url": HOOK["url"]}]
    refused(channels({**HOOK, "name": "shop", "secret": REDACTED}), "#/channels/0/secret", "redacted", stored=stored)


@pytest.mark.parametrize("key", ["stream", "topic"])
@pytest.mark.parametrize("name", ["a\r\nSET x y", "a\n", "\x7f", "a\u0085", "a\u2028b", "\x1b[2J"])
def test_a_name_in_redis_has_no_control_characters(key: str, name: str) -> None:
    refused(channels({**BUS, key: name}), f"#/channels/0/{key}", "control")


def test_a_variable_that_an_earlier_version_took_is_shown_and_no_secret() -> None:
    assert redact({**HOOK, "secret": "env:HOOK_SECRET"})["secret"] == "env:HOOK_SECRET"
