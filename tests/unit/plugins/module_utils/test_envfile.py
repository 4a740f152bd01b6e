"""What is written to .env is read back unchanged, by us and (tests of the lab) by Compose."""

from __future__ import annotations

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import envfile
from hypothesis import given
from hypothesis import strategies as st

ONE_LINE = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=("Cs",)))


@given(st.dictionaries(st.from_regex(envfile.NAME, fullmatch=True), ONE_LINE))
def test_every_value_survives(values: dict[str, str]) -> None:
    assert envfile.parse(envfile.render(values)) == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=plain", {"A": "plain"}),
        ("export A=plain # comment", {"A": "plain"}),
        ("A='raw $x \\n'", {"A": "raw $x \\n"}),
        ('A="two\\nlines"', {"A": "two\nlines"}),
        ("\n# nothing\nA=\n", {"A": ""}),
        ("A=x#y", {"A": "x#y"}),
    ],
)
def test_files_written_by_hand(text: str, expected: dict[str, str]) -> None:
    assert envfile.parse(text) == expected


@pytest.mark.parametrize(("text", "line"), [("A=1\nhunter2 is it", 2), ('A="hunter2', 1), ("1A=hunter2", 1)])
def test_a_malformed_file_is_refused_without_showing_it(text: str, line: int) -> None:
    with pytest.raises(envfile.MalformedEnvFile, match=f"line {line} ") as caught:
        envfile.parse(text)
    assert "hunter2" not in str(caught.value)
