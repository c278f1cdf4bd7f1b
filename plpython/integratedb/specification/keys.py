"""Checks the keys of a table, unique and references: their fields are claimed, and named once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from . import forms
from .document import show
from .forms import Document, Steps
from .identifiers import name_problem

#: Adds a refusal: what is wrong, and where.
_Refuse = Callable[[str, Steps], None]


class KeyFields:
    """The fields of an alternative, by the names that keys use. Under ``["*"]``, any column may be a field."""

    def __init__(self, steps: Steps, alternative: Document) -> None:
        self._times: Mapping[str, int] | None = None
        if not forms.is_wildcard(alternative):
            self._times = Counter(
                forms.column_name(next(forms.field_alternatives(place, field))[1])
                for place, field in forms.fields(steps, alternative)
            )

    def check(self, names: Sequence[str], steps: Steps, refuse: _Refuse) -> None:
        """Refuse what is no field, what is no single field, and what is named twice."""
        for index, name in enumerate(names):
            place = (*steps, index)
            if name in names[:index]:
                refuse(f"{show(name)} stands before it", place)
            elif self._times is None:
                _check_column(name, place, refuse)
            elif name not in self._times:
                refuse(f"{show(name)} is not among the fields: a key is made of fields that are claimed", place)
            elif self._times[name] > 1:
                refuse(f"{show(name)} is the first name of several fields; a key needs one", place)


def check_target_fields(reference: Document, steps: Steps, refuse: _Refuse) -> None:
    """Refuse columns of the referenced table that cannot exist, and another number of them than there are fields."""
    if "to_fields" not in reference:
        return
    names = reference["to_fields"]
    for index, name in enumerate(names):
        place = (*steps, "to_fields", index)
        if name in names[:index]:
            refuse(f"{show(name)} stands before it", place)
        else:
            _check_column(name, place, refuse)
    if len(names) != len(reference["fields"]):
        refuse(
            f"{len(names)} columns are referenced by {len(reference['fields'])} field(s); each field references one",
            (*steps, "to_fields"),
        )


def _check_column(name: str, steps: Steps, refuse: _Refuse) -> None:
    if name == "*":
        refuse("'*' is no column: a key is made of columns by name", steps)
    elif (problem := name_problem(name)) is not None:
        refuse(f"{show(name)} is no column: {problem}", steps)
