"""The file of an embedded student: there and back, and every way in which it may be damaged."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import zipfile
from array import array
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.embedded import file, names, predictor
from distilgen.embedded.call import Call
from distilgen.embedded.closed import Closed, Sureness
from distilgen.embedded.features import Choices
from distilgen.embedded.linear import Linear
from distilgen.embedded.model import Fields, Maybe, Model, Unknown
from distilgen.embedded.novelty import Categories, Novelty, Types
from distilgen.errors import StudentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WEIGHTS = array("f", [1.5, -1.5])
COLOUR = Closed(
    ('"red"', '"blue"'),
    Linear((Choices(("name",), ('"a"', '"b"'), WEIGHTS, 1),), array("d", [0.0])),
    Sureness(1.0, 0.5),
)
STUDENT = Model(
    "shop.mail:Shop.reply",
    "f" * 32,
    Fields({"colour": COLOUR, "size": Maybe(COLOUR, Unknown("ä\ud800"))}),
    Novelty(("name",), (Types(("name",), ("a text",)), Categories(("name",), ('"a"', '"b"')))),
    0.75,
    0.98,
    100,
    "a test",
)


def parts(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as opened:
        for name, content in entries.items():
            opened.writestr(name, content)
    return made.getvalue()


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    """The student's file after a change of its document."""
    entries = parts(file.dump(STUDENT))
    document = json.loads(entries["student.json"])
    change(document)
    return zipped({**entries, "student.json": json.dumps(document).encode()})


def test_a_student_comes_back_as_it_was(tmp_path: Path) -> None:
    raw = file.dump(STUDENT)
    path = tmp_path / "x.student"
    path.write_bytes(raw)
    loaded = file.load(path)
    assert loaded == STUDENT
    assert file.dump(loaded) == raw
    assert loaded.predictor.predict(Call({"name": "a"})) == STUDENT.predictor.predict(
        Call({"name": "a"})
    )


def test_nothing_but_what_is_listed_is_in_it() -> None:
    assert sorted(parts(file.dump(STUDENT))) == ["0", "1", "2", "3", "student.json"]


def test_names_tell_function_and_content() -> None:
    raw = file.dump(STUDENT)
    name = names.name_of(STUDENT, raw)
    assert name.startswith("student:Shop.reply:")
    assert names.name_of(STUDENT, raw + b"x") != name
    assert names.file_name(name) == name.removeprefix("student:").replace(":", "-") + ".student"


def test_what_is_no_plain_data_is_not_written() -> None:
    with pytest.raises(TypeError, match="cannot be written"):
        file.dump(Model("", "", Unknown(print), Novelty((), ()), 0, 0, 0, ""))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no array of I"):
        file.dump(Model("", "", Unknown(array("I")), Novelty((), ()), 0, 0, 0, ""))  # type: ignore[arg-type]


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        at: Any = document
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


def nested(deep: int) -> Any:
    made: Any = {"kind": "unknown", "why": ""}
    for _ in range(deep):
        made = {"kind": "places", "places": [made]}
    return made


STEPS = {
    "kind": "steps", "path": ["name"], "edges": {"array": 0, "type": "d"},
    "weights": {"array": 1, "type": "d"}, "width": 1,
}  # fmt: skip
_COLOUR = ("student", "predictor", "fields", "dict", 0, 1)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(b"", "damaged", id="empty"),
        pytest.param(b"PK\x03\x04 and no more", "damaged", id="no zip"),
        pytest.param(file.dump(STUDENT)[:-100], "damaged", id="cut short"),
        pytest.param(zipped({"student.json": b"{"}), "damaged", id="no JSON"),
        pytest.param(zipped({"student.json": b"[" * 100_000}), "damaged", id="JSON too deep"),
        pytest.param(zipped({"other": b""}), "damaged", id="no document"),
        pytest.param(zipped({"student.json": b"[]"}), "damaged", id="another document"),
        pytest.param(changed(put("version", value=2)), "format 2", id="another version"),
        pytest.param(changed(put("student", value=7)), "no student", id="no student"),
        pytest.param(
            changed(put("student", value={"kind": "unknown", "why": ""})), "no student",
            id="a predictor alone",
        ),
        pytest.param(
            changed(put(*_COLOUR, "kind", value="os.system")), "'os.system' is not known",
            id="a kind that there is not",
        ),
        pytest.param(
            changed(put(*_COLOUR, "extra", value=1)), "extra", id="a field that there is not"
        ),
        pytest.param(
            changed(put("student", "threshold", value="x")), "threshold of a student",
            id="a field of another type",
        ),
        pytest.param(
            changed(put(*_COLOUR, "values", value=["1"])), "1 values", id="too few values"
        ),
        pytest.param(
            changed(put(*_COLOUR, "values", value=["1", "{"])), "damaged", id="a value is no JSON"
        ),
        pytest.param(
            changed(put(*_COLOUR, "scorer", "blocks", value=[{"array": 0, "type": "f"}])),
            "damaged", id="an array for a block",
        ),
        pytest.param(
            changed(put(*_COLOUR, "scorer", "bias", value={"array": 99, "type": "d"})),
            "damaged", id="an array that there is not",
        ),
        pytest.param(
            changed(put(*_COLOUR, "scorer", "bias", value={"array": 0, "type": "u"})),
            "no array of 'u'", id="an array of texts",
        ),
        pytest.param(
            changed(put(*_COLOUR, "scorer", "bias", value={"array": 0, "type": "f"})),
            "damaged", id="an array for two",
        ),
        pytest.param(
            changed(put("student", "threshold", value=float("nan"))), "threshold of a student",
            id="no number",
        ),
        pytest.param(
            changed(put(*_COLOUR, "scorer", value=nested(200))), "without an end", id="too deep"
        ),
        pytest.param(
            changed(put(*_COLOUR, "scorer", value=STEPS)), "scorer of a closed",
            id="a block for a scorer",
        ),
        pytest.param(
            zipped({"student.json": b" " * (33 << 20)}), "more than 32 MB", id="a long document"
        ),
        pytest.param(
            zipped(parts(file.dump(STUDENT)), zipfile.ZIP_LZMA), "compressed in another way",
            id="another compression",
        ),
        pytest.param(
            zipped({**parts(file.dump(STUDENT)), "0": b"123"}), "damaged", id="half a number"
        ),
        pytest.param(
            zipped({**parts(file.dump(STUDENT)), "0": b""}), "weights", id="weights are missing"
        ),
        pytest.param(
            zipped({**parts(file.dump(STUDENT)), "bomb": bytes(300 << 20)}), "more than 256 MB",
            id="a zip bomb",
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(raw: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.student"
    path.write_bytes(raw)
    with pytest.raises(StudentError) as refused:
        file.load(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    assert "train it anew" in str(refused.value)


def test_every_field_of_every_kind_is_checked() -> None:
    for cls in predictor._KINDS.values():
        assert {str(item.type) for item in dataclasses.fields(cls)} <= set(file._TESTS)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudentError, match="is no student"):
        file.load(tmp_path)
    huge = tmp_path / "huge.student"
    with huge.open("wb") as opened:
        opened.truncate(1 << 29)
    with pytest.raises(
        StudentError, match=r"huge\.student: is no student: it has more than 256 MB"
    ):
        file.load(huge)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudentError, match=r"x\.student: cannot be read: No such file"):
        file.load(tmp_path / "x.student")


def test_any_flipped_byte_is_refused_or_changes_nothing_that_breaks() -> None:
    raw = file.dump(STUDENT)
    random_places = random.Random(0)
    for _ in range(300):
        broken = bytearray(raw)
        broken[random_places.randrange(len(raw))] ^= 1 << random_places.randrange(8)
        try:
            student = file.parse(bytes(broken))
        except StudentError:
            continue
        student.answer({"name": "a"})
