"""All that Pydantic puts into a schema is in ours; what a project does at import does not run."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from distilgen.project import Project

    Open = Callable[[Mapping[str, str]], Project]

_HEAD = """\
from __future__ import annotations
import enum
from datetime import date, timedelta
from decimal import Decimal
from pydantic import *
from typing import *
"""

_TRUTH = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
from pydantic import TypeAdapter
module = importlib.import_module("app")
print(json.dumps(TypeAdapter(eval(sys.argv[2], vars(module))).json_schema()))
"""

FEATURES = {
    "docstrings of attributes": (
        """
        class M(BaseModel):
            '''Of the model.'''
            model_config = ConfigDict(use_attribute_docstrings=True)
            a: int
            '''Of a.'''
            b: int = Field(description="Said.")
            '''Not this.'''
            c: str = "x"
            '''Of c,

                on lines.
            '''
            d: int
        """,
        ["Of a.", "Said.", "on lines."],
    ),
    "docstrings of attributes, from a base": (
        """
        class Base(BaseModel):
            model_config = ConfigDict(use_attribute_docstrings=True)
            a: int
            '''Of a.'''
        class M(Base):
            b: int
            '''Of b.'''
            class Inner(BaseModel):
                c: int
                '''Of c.'''
            inner: Inner
        """,
        ["Of a.", "Of b."],
    ),
    "docstrings of attributes, decorated and below others": (
        """
        def mark(cls): return cls
        X = 1
        @mark
        @mark
        class Other(BaseModel):
            a: int
            '''Of another.'''
        if X:
            class M(BaseModel):
                model_config = {"use_attribute_docstrings": True}
                a: list[int] = [
                    1,
                ]
                '''Of a.'''
        """,
        ["Of a."],
    ),
    "docstrings of attributes, of two classes with one name": (
        """
        class Out:
            class M(BaseModel):
                model_config = {"use_attribute_docstrings": True}
                a: int
                '''Not this.'''
        class M(BaseModel):
            model_config = {"use_attribute_docstrings": True}
            a: int
            '''Of a.'''
        """,
        ["Of a."],
    ),
    "docstrings of attributes, dataclass": (
        """
        from pydantic.dataclasses import dataclass
        @dataclass(config=ConfigDict(use_attribute_docstrings=True))
        class M:
            a: int
            '''Of a.'''
        """,
        ["Of a."],
    ),
    "docstrings of attributes, TypedDict": (
        """
        from typing_extensions import TypedDict
        class D(TypedDict):
            __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)
            a: int
            '''Of a.'''
        class M(BaseModel):
            d: D
        """,
        ["Of a."],
    ),
    "json_schema_extra by function": (
        """
        def extra(schema, model):
            schema["examples"] = [model.__name__]
        class M(BaseModel):
            model_config = ConfigDict(json_schema_extra=extra)
            a: int = Field(json_schema_extra=lambda s: s.update(unit="EUR"))
            b: Annotated[int, WithJsonSchema({"type": "integer", "format": "own"})]
        """,
        ["EUR", "own"],
    ),
    "constraints": (
        """
        class M(BaseModel):
            a: Annotated[Decimal, Field(max_digits=5, gt=0)]
            b: Annotated[list[PositiveInt], Field(min_length=1, max_length=2)]
            c: Annotated[str, StringConstraints(pattern="^x", to_lower=True)]
            d: Annotated[timedelta, Field(le=timedelta(days=1))] = timedelta(hours=1)
            e: Annotated[date, Field(gt=date(2026, 1, 1))]
            f: FutureDate | None = None
        """,
        ["exclusiveMinimum", "minItems", "^x"],
    ),
    "aliases by path and generator": (
        """
        from pydantic.alias_generators import to_camel
        class M(BaseModel):
            model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
            one_two: int
            three: int = Field(validation_alias=AliasPath("x", 0))
            four: int = Field(validation_alias=AliasChoices("q", AliasPath("r", "s")))
        """,
        ["oneTwo", '"q"'],
    ),
    "computed fields and serializers are not asked for": (
        """
        class M(BaseModel):
            a: int
            b: int = Field(exclude=True)
            @computed_field
            @property
            def area(self) -> int: return 1
            @model_serializer
            def out(self) -> dict[str, Any]: return {}
        """,
        ['"a"', '"b"'],
    ),
    "nested discriminated unions": (
        """
        class A(BaseModel):
            kind: Literal["a"]
        class B(BaseModel):
            kind: Literal["b"]
            sub: Literal[1]
        class C(BaseModel):
            kind: Literal["b"]
            sub: Literal[2]
        BC = Annotated[B | C, Field(discriminator="sub")]
        class M(BaseModel):
            x: list[Annotated[A | BC, Field(discriminator="kind")]]
        """,
        ["discriminator", "mapping"],
    ),
    "forward references through modules of types": (
        """
        class M(BaseModel):
            x: "Optional[Late]" = None
            y: "dict[str, 'Late']"
        class Late(BaseModel):
            back: "M"
            kind: "Kind"
        class Kind(str, enum.Enum):
            A = "a"
        """,
        ["Late", "Kind"],
    ),
    "validators that change the schema": (
        """
        def parse(value: str) -> int: return int(value)
        class M(BaseModel):
            a: Annotated[int, BeforeValidator(parse, json_schema_input_type=str)]
            b: Annotated[int, PlainValidator(parse)]
            c: Annotated[int, WrapValidator(lambda v, h: h(v))] = 3
            d: SkipValidation[int] = 4
        """,
        ['"c"'],
    ),
}


def _project(project_of: Open, source: str) -> Project:
    return project_of({"app.py": _HEAD + dedent(source) + "\ndef f(x: M) -> M: ...\n"})


@pytest.mark.parametrize(("source", "said"), FEATURES.values(), ids=FEATURES)
def test_equals_the_imported_truth(project_of: Open, source: str, said: list[str]) -> None:
    project = _project(project_of, source)
    _, found = project.function("app:f")
    contract = project.freeze(found)
    assert project._worker
    schema = project._worker.schema_of(found)
    done = subprocess.run(
        [sys.executable, "-c", _TRUTH, str(project.root), "M"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.dumps(schema) == json.dumps(json.loads(done.stdout))
    assert contract.inputs["properties"]["x"] == {"$ref": "#/$defs/M"} or "docstr" not in source
    for text in said:
        assert text in json.dumps(schema)


_PLANTED = """
import pathlib, sqlite3, sys
HERE = pathlib.Path(__file__).parent
print("printed")
sqlite3.connect(HERE / "planted.db").execute("create table planted (x)").connection.commit()
DATABASE = sqlite3.connect(HERE / "planted-too.db")
DATABASE.execute("create table planted (x)")
(HERE / "planted.txt").write_text("x")
class Planted:
    (HERE / "planted-class.txt").write_text("x")
def planted(x=(HERE / "planted-default.txt").write_text("x")): ...
sys.exit(3)
"""


@pytest.mark.parametrize("command", ["scan", "show", "show --strict", "instrument --diff", "check"])
def test_nothing_that_a_project_does_at_import_is_done(
    write_tree: Callable[[Mapping[str, str]], Path], command: str
) -> None:
    root = write_tree({
        "pyproject.toml": "",
        "shop/__init__.py": _PLANTED,
        "shop/beside.py": _PLANTED,
        "shop/models.py": _PLANTED + "from pydantic import BaseModel\nfrom . import beside\n"
        "class Item(BaseModel):\n    '''A thing.'''\n    name: str\n" + _PLANTED,
        "shop/types.py": _PLANTED + "from dataclasses import dataclass\n"
        "@dataclass\nclass Given:\n    x: int\nclass Session:\n    engine = None\n" + _PLANTED,
        "shop/app.py": _PLANTED + "from .models import Item\nfrom .types import Given, Session\n"
        "def f(given: Given, session: Session) -> Item:\n    return 1\n"
        + _PLANTED,
    })  # fmt: skip
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    name, *options = command.split()
    target = "shop.app:f" if name == "show" else "shop"
    done = subprocess.run(
        [sys.executable, "-m", "distilgen", name, *options, target],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "printed" not in (done.stdout + done.stderr).split("\n")
    assert done.returncode in (0, 1), done.stderr
    if name != "check":
        assert "shop.app:f" in done.stdout or "Item" in done.stdout
    left = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    cache = root / ".distilgen"
    assert {p: raw for p, raw in left.items() if not p.is_relative_to(cache)} == files


def test_arguments_are_evaluated_as_little(project_of: Open) -> None:
    project = project_of({
        "shop/__init__.py": "",
        "shop/types.py": _PLANTED + "from dataclasses import dataclass\n"
        "@dataclass\nclass Given:\n    x: int\n" + _PLANTED,
        "shop/app.py": _PLANTED + "from pydantic import BaseModel\nfrom .types import Given\n"
        "class Item(BaseModel):\n    name: str\n"
        "def f(given: Given) -> Item: ...\n" + _PLANTED,
    })  # fmt: skip
    inputs: Any = project.freeze(project.function("shop.app:f")[1]).inputs
    assert list(inputs["$defs"]["Given"]["properties"]) == ["x"]
    assert not list(project.root.rglob("planted*"))
