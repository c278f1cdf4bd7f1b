"""Connection strings hold what their parts say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from integratedb_companion.contracts.credentials import Credentials

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)


@given(password=NAMES, dbname=NAMES, host=st.sampled_from(["db.example", "/var/run/my pg", "::1", "127.0.0.1"]))
def test_a_uri_says_the_same_as_its_parts(password: str, dbname: str, host: str) -> None:
    credentials = Credentials("s", "user_1", password, host, "5433", dbname)
    assert conninfo_to_dict(credentials.uri) == {
        "user": "user_1", "password": password, "host": host, "port": "5433", "dbname": dbname,
    }  # fmt: skip
