"""The check of RETURN documentation finds each kind of lie."""

from __future__ import annotations

import pytest
import yaml
from contract import _compare

DOCUMENTED = yaml.safe_load("""
name: {type: str, returned: always, sample: web}
number: {type: int, returned: on success}
rows:
  type: list
  elements: dict
  returned: always
  contains:
    ok: {type: bool, sample: true}
""")
TRUE = {"name": "web", "number": 1, "rows": [{"ok": True}]}


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        (TRUE, []),
        ({"name": "web", "rows": []}, []),
        ({**TRUE, "more": 1}, ["more: not documented"]),
        ({"name": "web"}, ["rows: not returned"]),
        ({**TRUE, "number": "1"}, ["number: str, documented as int"]),
        ({**TRUE, "number": True}, ["number: bool, documented as int"]),
        ({**TRUE, "name": None}, ["name: null"]),
        ({**TRUE, "rows": ["a"]}, ["rows[0]: str, documented as dict"]),
        ({**TRUE, "rows": [{}]}, ["rows[0].ok: not returned"]),
        ({**TRUE, "rows": [{"ok": True, "x": 1}]}, ["rows[0].x: not documented"]),
    ],
)
def test_lies_are_found(returned: dict[str, object], found: list[str]) -> None:
    assert _compare(DOCUMENTED, returned, "", False) == found


def test_a_sample_of_another_type_is_a_lie_too() -> None:
    documented = {"number": {"type": "int", "sample": "one"}}
    assert _compare(documented, {"number": 1}, "", False) == ["number: its sample is no int"]
