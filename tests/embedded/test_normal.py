"""distilgen.embedded.normal: steps from a value to another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from distilgen.embedded import normal
from distilgen.embedded.call import ABSENT


def run(value: Any, *names: Any) -> Any:
    return normal.run(value, normal.steps(names))


@pytest.mark.parametrize(
    ("value", "names", "made"),
    [
        (" Ada ", ("strip", "upper"), "ADA"),
        ("ada  LOVELACE", ("words", "title"), "Ada Lovelace"),
        ("o'neil mary", ("title",), "O'neil Mary"),
        ("A Title, with 2 Marks!", ("slug",), "a-title-with-2-marks"),
        ("+49 (30) 123", ("digits",), "4930123"),
        ("ada@example.org", ("before=@",), "ada"),
        ("a/b/c", ("after_last=/",), "c"),
        ("nothing of it", ("after=@",), "nothing of it"),
        ("a=b=c", ("after==",), "b=c"),
        ("a, b,, c", ("split=,", "each=strip", "filled"), ["a", "b", "c"]),
        ("a\nb", ("lines", "item=-1"), "b"),
        ("a", ("split=,", "item=1"), ABSENT),
        (["b", "a", "b"], ("unique", "sorted"), ["a", "b"]),
        (["a", "b"], ("join= and ",), "a and b"),
        ([1, "a"], ("join=,",), ABSENT),
        ([1, "a"], ("sorted",), ABSENT),
        ([1, True], ("sum",), ABSENT),
        ([], ("max",), ABSENT),
        ("abcdef", ("head=3",), "abc"),
        ("abcdef", ("tail=0",), ""),
        (7, ("padded=3",), "007"),
        (7.5, ("padded=3",), ABSENT),
        (2.5, ("fixed=2",), "2.50"),
        (1234567, ("thousands",), "1,234,567"),
        (1234, ("digit=1",), 3),
        (-98, ("digit_sum",), 17),
        (17, ("remainder=5",), 2),
        (True, ("not",), False),
        (True, ("text",), ABSENT),
        (5, ("lower",), ABSENT),
        (None, ("len",), ABSENT),
        ("2024-02-28", ("day", "day_text"), "2024-02-28"),
        (10**30, ("day_text",), ABSENT),
        ("a " * 5000, ("split=", "len"), 5000),
        ("a " * 20_000, ("split=", "len"), ABSENT),
        ("a\n" * 20_000, ("lines", "item=0"), ABSENT),
        (["a"] * 20_000, ("each=upper", "len"), ABSENT),
    ],
)
def test_a_step_makes_a_value_of_a_value(value: Any, names: Any, made: Any) -> None:
    assert run(value, *names) == made


@pytest.mark.parametrize(
    ("text", "step", "made"),
    [
        ("EUR 1,234.50", "number", 1234.5),
        ("$12", "number", 12),
        ("-3", "number", -3),
        ("(12.50)", "number", -12.5),
        ("\u2212 4", "number", -4),
        (".5", "number", 0.5),
        ("1,23", "number", ABSENT),
        ("1,2345", "number", ABSENT),
        ("12,34,567", "number", ABSENT),
        ("1'234'567", "number", 1234567),
        ("none", "number", ABSENT),
        ("1" * 41, "number", ABSENT),
        ("1.2.3", "number", ABSENT),
        ("1.234,50 €", "number_comma", 1234.5),
        ("1,5", "number_comma", 1.5),
        ("1.5k", "number_scaled", 1500),
        ("2 Mio.", "number_scaled", 2_000_000),
        ("1.5", "number_scaled", ABSENT),
        ("1.234,5", "number_either", 1234.5),
        ("1,234.5", "number_either", 1234.5),
        ("1,234", "number_either", 1234),
        ("1,23", "number_either", 1.23),
        ("1.234.567", "number_either", 1234567),
        ("12 %", "percent", 0.12),
        (" Seven", "number_word", 7),
    ],
)
def test_a_number_is_read_as_people_write_it(text: Any, step: Any, made: Any) -> None:
    assert run(text, step) == made
    if made is not ABSENT:
        assert type(run(text, step)) is type(made)


@pytest.mark.parametrize(
    ("text", "step", "made"),
    [
        ("2024-03-09", "date_ymd", "2024-03-09"),
        ("20240309", "date_ymd", "2024-03-09"),
        ("09/03/2024", "date_dmy", "2024-03-09"),
        ("09/03/2024", "date_mdy", "2024-09-03"),
        ("09/03/2024", "date_ymd", ABSENT),
        ("9.3.24", "date_dmy", "2024-03-09"),
        ("March 9th, 2024", "date_dmy", "2024-03-09"),
        ("9. März 2024", "date_mdy", "2024-03-09"),
        ("Sat, 09 Mar 2024 10:00:00 +0000", "date_dmy", "2024-03-09"),
        ("31/02/2024", "date_dmy", ABSENT),
        ("9 apples 3 2024", "date_dmy", ABSENT),
        ("9 March", "date_dmy", ABSENT),
        ("03/09/2024", "date_mixed", "2024-03-09"),
        ("09.03.2024", "date_mixed", "2024-03-09"),
        ("12/Mar/2024:10:00:00 +0200", "datetime_dmy", "2024-03-12T10:00:00+02:00"),
        ("2024-03-09T10:00:00.250Z", "datetime_ymd", "2024-03-09T10:00:00.250000Z"),
        ("2024-03-09", "datetime_ymd", ABSENT),
        ("5:30 pm", "time", "17:30:00"),
        ("12:05 AM", "time", "00:05:00"),
        ("25:00", "time", ABSENT),
        ("13:00 pm", "time", ABSENT),
    ],
)
def test_a_date_is_read_as_people_write_it(text: Any, step: Any, made: Any) -> None:
    assert run(text, step) == made


@pytest.mark.parametrize(
    "name",
    ["", "eval", "upper=", "before=", "count=", "head=-1", "head=many", "remainder=0", "item=x",
     "each=exec", "padded=9999999"],
)  # fmt: skip
def test_there_are_no_other_steps(name: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        normal.steps((name,))


_NAMES = [*normal._PLAIN, "before=,", "split=", "each=number", "each=strip", "join=,", "item=0",
          "head=5", "fixed=2", "padded=4", "count=a", "remainder=7", "digit=2"]  # fmt: skip


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
    st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3),
)
def test_a_step_takes_any_value(value: Any, names: Any) -> None:
    run(value, *names)
