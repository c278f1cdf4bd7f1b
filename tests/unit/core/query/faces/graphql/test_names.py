"""The names of GraphQL: those of PostGraphQL 1.x, and none that GraphQL does not take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integratedb.query.faces.graphql.names import (
    Comment,
    camel,
    field_of_column,
    is_name,
    pascal,
    read_comment,
    upper_snake,
)


@pytest.mark.parametrize(
    ("name", "in_camel", "in_pascal", "in_upper_snake"),
    [
        ("blog_post", "blogPost", "BlogPost", "BLOG_POST"),
        ("_author_id_", "_authorId_", "_AuthorId_", "_AUTHOR_ID_"),
        ("createdAt", "createdAt", "CreatedAt", "CREATED_AT"),
        ("ID", "id", "Id", "ID"),
        ("two words", "twoWords", "TwoWords", "TWO_WORDS"),
        ("very-happy", "veryHappy", "VeryHappy", "VERY_HAPPY"),
    ],
)
def test_cases(name: str, in_camel: str, in_pascal: str, in_upper_snake: str) -> None:
    assert (camel(name), pascal(name), upper_snake(name)) == (in_camel, in_pascal, in_upper_snake)


def test_the_column_id_leaves_its_name_to_the_global_id() -> None:
    assert (field_of_column("id"), field_of_column("author_id")) == ("rowId", "authorId")


def test_a_comment_renames_and_deprecates() -> None:
    assert read_comment("What it is.\n@name other\n@deprecated Ask him.\nMore.") == Comment(
        "What it is.\nMore.", "other", "Ask him."
    )
    assert read_comment("Write to @name.") == Comment("Write to @name.")


@given(st.text(max_size=20))
def test_what_is_a_name_is_one_for_graphql(text: str) -> None:
    for made in (camel(text), pascal(text), upper_snake(text)):
        assert not is_name(made) or (made.isascii() and made.isidentifier() and not made.startswith("__"))
