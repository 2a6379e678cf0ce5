"""Content of a stranger: bombs, depth, numbers that are none. One clause each, never another error."""

from __future__ import annotations

import pytest

from ripguard.interchange import parsing
from ripguard.interchange.parsing import Unreadable

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
XMLS = (
    f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><annotation>&l8;</annotation>',
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><annotation>&f;</annotation>',
    '<!DOCTYPE x SYSTEM "file:///etc/passwd"><annotation/>',
    "<a>" * 100_000, "<a>" * 60 + "</a>" * 60, "<a>\0</a>", "",
)  # fmt: skip
YAMLS = (
    "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
    "[" * 5000, "a: !!python/object/apply:os.system [ls]", "a: [", "\t", "? [a]\n: b\n? {c: d}\n: e", "a: 2001-99-99",
)  # fmt: skip
JSONS = ("[" * 100_000, "[" * 60 + "]" * 60, '{"a": NaN}', '{"a": 1e999}', '{"a": Infinity}', "9" * 5000, "{", "")


@pytest.mark.parametrize("text", XMLS, ids=range(len(XMLS)))
def test_xml(text):  # type: ignore[no-untyped-def]
    with pytest.raises(Unreadable):
        parsing.xml_of(text)


@pytest.mark.parametrize("text", YAMLS, ids=range(len(YAMLS)))
def test_yaml(text):  # type: ignore[no-untyped-def]
    with pytest.raises(Unreadable):
        parsing.yaml_of(text)


@pytest.mark.parametrize("text", JSONS, ids=range(len(JSONS)))
def test_json(text):  # type: ignore[no-untyped-def]
    with pytest.raises(Unreadable):
        parsing.json_of(text)


@pytest.mark.parametrize("text", ["a,b\n1\n", 'a,b\n"1,2\n', "a,a\n1,2\n", 'a,b\n1,"2"x\n', "a\n" + "x" * 200_000])
def test_csv(text):  # type: ignore[no-untyped-def]
    with pytest.raises(Unreadable):
        list(parsing.csv_of(text))


@pytest.mark.parametrize("value", [True, "1", None, 10**400, -1e300, float("nan"), float("inf"), [1]])
def test_what_is_no_coordinate(value):  # type: ignore[no-untyped-def]
    assert parsing.number(value) is None
    assert parsing.numbers([value]) is None


def test_what_is_one():
    assert parsing.numbers([1, 2.5]) == (1.0, 2.5)
    assert parsing.decimal_number("1_0") is None
    assert parsing.decimal_number("٣") is None
    assert parsing.yaml_of("names: [no, 1.0]") == ({"names": [False, 1.0]}, {"names": ["no", "1.0"]})
