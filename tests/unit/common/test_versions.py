"""Which versions of the companion and of the extension go together, and what is said when they do not."""

from __future__ import annotations

import pytest

from integratedb_companion.common.versions import fits, mismatch


@pytest.mark.parametrize(
    ("companion", "extension", "together"),
    [
        ("0.2.0", "0.2.0", True),
        ("0.2.7", "0.2.0", True),
        ("0.2.0", "0.2.7", True),
        ("0.2.0", "0.1.9", False),
        ("0.2.0", "0.3.0", False),
        ("0.2.0", "0.20.0", False),
        ("1.2.0", "1.2.0", True),
        ("1.2.0", "1.3.0", True),
        ("1.3.0", "1.2.9", False),
        ("1.2.0", "2.2.0", False),
        ("1.0.0", "0.9.0", False),
        ("0.2.0.dev1", "0.2.0", True),
        ("0", "0.2.0", False),
    ],
)
def test_which_versions_go_together(companion: str, extension: str, together: bool) -> None:
    assert fits(companion, extension) is together
    assert (mismatch(companion, extension, extension, "shop") is None) is together


@pytest.mark.parametrize(
    ("companion", "extension", "installed", "cure"),
    [
        ("0.2.0", "0.1.0", "0.2.1", "update the extension to 0.2.x: ALTER EXTENSION integratedb UPDATE in shop"),
        ("0.2.0", "0.1.0", "0.1.0", "update the extension to 0.2.x: make install of 0.2.x on the server, then ALTER"),
        ("0.2.0", "0.3.0", "0.3.0", "update the companion to 0.3.x"),
        ("0.2.0", None, "0.2.0", "no extension integratedb: CREATE EXTENSION integratedb CASCADE"),
        ("0.2.0", None, None, "no extension integratedb: make install of 0.2.x on the server, then CREATE EXTENSION"),
    ],
)
def test_the_message_says_which_side_to_update_and_how(companion, extension, installed, cure) -> None:
    message = mismatch(companion, extension, installed, "shop")
    assert message is not None
    assert cure in message
    assert "\n" not in message
