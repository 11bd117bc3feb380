"""The schema of the arguments: Pydantic's own for each, and what the docstring says of them."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.contract import Contract
    from distilgen.project import Project

    Open = Callable[[Mapping[str, str]], Project]

_HEAD = """\
from __future__ import annotations
import enum, sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import *
from pydantic import *
from typing_extensions import Doc, TypedDict

class Color(enum.Enum):
    RED = "r"
class Item(BaseModel):
    '''A thing.'''
    name: str
    color: Color = Color.RED
class Options(TypedDict, total=False):
    a: int
@dataclass
class Data:
    x: int
class Strange: ...
T = TypeVar("T", bound=BaseModel)
HINT = "By name."
"""


def _contract(
    project_of: Open, signature: str, docstring: str = "", name: str = "f", head: str = ""
) -> Contract:
    body = indent(f'r"""{dedent(docstring)}"""', "    ") if docstring else "    ..."
    app = f"{_HEAD}{head}\ndef f({signature}) -> Item:\n{body}\n"
    project = project_of({"app.py": app})
    _, found = project.function(f"app:{name}")
    assert found.is_candidate, found.reason
    return project.freeze(found)


def _property(project_of: Open, parameter: str, docstring: str = "") -> dict[str, Any]:
    (found,) = _contract(project_of, parameter, docstring).inputs["properties"].values()
    assert isinstance(found, dict)
    return found


_ITEM = {
    "description": "A thing.",
    "properties": {
        "name": {"title": "Name", "type": "string"},
        "color": {"$ref": "#/$defs/Color", "default": "r"},
    },
    "required": ["name"],
    "title": "Item",
    "type": "object",
}
_COLOR = {"enum": ["r"], "title": "Color", "type": "string"}


def test_one_object_in_signature_order(project_of: Open) -> None:
    found = _contract(project_of, "z: int, b: Item, /, a, *, c: Color = Color.RED, d: str = 'x'")
    assert json.dumps(found.inputs) == json.dumps({
        "$defs": {"Color": _COLOR, "Item": _ITEM},
        "properties": {
            "z": {"type": "integer"},
            "b": {"$ref": "#/$defs/Item"},
            "a": {},
            "c": {"$ref": "#/$defs/Color"},
            "d": {"type": "string", "default": "x"},
        },
        "required": ["z", "b", "a"],
        "type": "object",
    })  # fmt: skip
    assert found.parameters == ("z", "b", "a", "c", "d")


def test_no_arguments(project_of: Open) -> None:
    assert _contract(project_of, "").inputs == {"properties": {}, "type": "object"}


def test_self_is_no_argument(project_of: Open) -> None:
    head = "class Shop:\n class Part(BaseModel):\n  x: int\n def g(self, part: Part) -> Item: ...\n"
    head += "class Other:\n class Part(BaseModel):\n  y: int\n def g(self, part: Part) -> Item: ..."
    for name, field in (("Shop.g", "x"), ("Other.g", "y")):
        found = _contract(project_of, "", name=name, head=head)
        assert list(found.inputs["properties"]) == ["part"]
        assert list(found.inputs["$defs"]["Part"]["properties"]) == [field]


@pytest.mark.parametrize(
    ("parameter", "schema"),
    [
        pytest.param("a", {}, id="no annotation"),
        pytest.param("a: Any", {}, id="Any"),
        pytest.param("a: int", {"type": "integer"}, id="plain"),
        pytest.param("a: 'int'", {"type": "integer"}, id="quoted"),
        pytest.param(
            "a: list['int']", {"type": "array", "items": {"type": "integer"}}, id="inside"
        ),
        pytest.param("a: date", {"type": "string", "format": "date"}, id="date"),
        pytest.param("a: Data", {"$ref": "#/$defs/Data"}, id="dataclass"),
        pytest.param(
            "a: Annotated[int, Field(ge=1, description='Why.')]",
            {"type": "integer", "minimum": 1, "description": "Why."},
            id="Field",
        ),
        pytest.param(
            "a: Annotated[str, Doc(HINT)]", {"type": "string", "description": "By name."}, id="Doc"
        ),
        pytest.param(
            "a: Annotated[str, 'By id.']", {"type": "string", "description": "By id."}, id="text"
        ),
        pytest.param(
            "a: Annotated[Item, Field(description='To sell.')]",
            {"$ref": "#/$defs/Item", "description": "To sell."},
            id="description of the argument beside that of the model",
        ),
        pytest.param("*a: int", {"type": "array", "items": {"type": "integer"}}, id="*args"),
        pytest.param("*a", {"type": "array", "items": {}}, id="*args of anything"),
        pytest.param(
            "**a: Item",
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/Item"}},
            id="**kwargs",
        ),
        pytest.param("**a", {"type": "object"}, id="**kwargs of any"),
        pytest.param("**a: Unpack[Options]", {"$ref": "#/$defs/Options"}, id="unpacked keywords"),
        pytest.param(
            "*a: *tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}, id="unpacked"
        ),
        pytest.param("a: int = 1", {"type": "integer", "default": 1}, id="default"),
        pytest.param("a: int = -1", {"type": "integer", "default": -1}, id="negative default"),
        pytest.param("a=None", {"default": None}, id="default without a type"),
        pytest.param(
            "a=(1, ['x', {'k': None}])", {"default": [1, ["x", {"k": None}]]}, id="nested"
        ),
        pytest.param("a=HINT", {}, id="default by name"),
        pytest.param("a=float('nan')", {}, id="default by call"),
        pytest.param("a=1e999", {}, id="default that JSON has not"),
        pytest.param("a='\\ud800'", {}, id="default that is no text"),
        pytest.param("a=b'x'", {}, id="default of bytes"),
        pytest.param("a={1: 2}", {}, id="default by other keys"),
        pytest.param("a: Strange", {"$comment": "its type has no JSON schema"}, id="a class"),
        pytest.param(
            "a: Callable[[int], str] = None",
            {"$comment": "its type has no JSON schema", "default": None},
            id="Callable",
        ),
        pytest.param(
            "a: list[sqlite3.Connection]", {"$comment": "its type has no JSON schema"}, id="client"
        ),
        pytest.param(
            "*a: Strange",
            {"type": "array", "items": {}, "$comment": "its type has no JSON schema"},
            id="many of a class",
        ),
        pytest.param(
            "a: Gone", {"$comment": "its type cannot be evaluated: NameError"}, id="unbound"
        ),
        pytest.param(
            "a: '1 +'", {"$comment": "its type cannot be evaluated: SyntaxError"}, id="broken"
        ),
        pytest.param(
            "a: (exit())", {"$comment": "its type cannot be evaluated: SystemExit"}, id="it exits"
        ),
        pytest.param(
            "a: Literal[tuple(map(str, range(9999)))]",
            {"$comment": "its schema has over 20,000 characters"},
            id="too long",
        ),
    ],
)
def test_schema_of_an_argument(project_of: Open, parameter: str, schema: dict[str, Any]) -> None:
    assert _property(project_of, parameter) == schema


def test_a_package_that_is_not_installed(project_of: Open) -> None:
    head = "from gone_for_good.deep import Client\nimport gone_too\n"
    found = _contract(project_of, "a: Client, b: gone_too.X | None, c: int", head=head)
    assert found.inputs["properties"] == {
        "a": {"$comment": "its type needs the package gone_for_good"},
        "b": {"$comment": "its type needs the package gone_too"},
        "c": {"type": "integer"},
    }


def test_types_that_end_the_process_cost_no_contract(project_of: Open) -> None:
    head = "import os\nclass Ends:\n    os._exit(3)\n"
    found = _contract(project_of, "a: Ends, b: int", head=head)
    reason = {"$comment": "evaluating the types of the arguments ended the process"}
    assert found.inputs["properties"] == {"a": reason, "b": reason}
    assert found.tool["name"] == "Item"


_TRUTH = """
import json, sys, typing
sys.path.insert(0, sys.argv[1])
from pydantic import TypeAdapter
import app
hints = typing.get_type_hints(app.f, include_extras=True)
del hints["return"]
print(json.dumps({name: TypeAdapter(hint).json_schema() for name, hint in hints.items()}))
"""


def _alike(one: Any, other: Any, defs: Any, other_defs: Any, seen: set[tuple[str, str]]) -> bool:
    """Are two schemas equal when references are followed? Both may be without end."""
    pair = json.dumps(one), json.dumps(other)
    if pair in seen:
        return True
    seen.add(pair)
    one, other = _followed(one, defs), _followed(other, other_defs)
    if isinstance(one, list) and isinstance(other, list):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return bool(one == other)
    return list(one) == list(other) and all(
        _alike(one[key], other[key], defs, other_defs, seen) for key in one
    )


def _followed(schema: Any, definitions: dict[str, Any]) -> Any:
    if not isinstance(schema, dict):
        return schema
    schema = {key: item for key, item in schema.items() if key not in ("$defs", "mapping")}
    if "$ref" in schema:
        target = definitions[schema.pop("$ref").rpartition("/")[2]]
        return dict(sorted((_followed(target, definitions) | schema).items()))
    return dict(sorted(schema.items()))


def test_equals_what_the_running_program_would_say(project_of: Open) -> None:
    head = """
class Node(BaseModel):
    next: Node | None = None
class Cat(BaseModel):
    kind: Literal["cat"]
class Dog(BaseModel):
    kind: Literal["dog"]
def module(n):
    class Item(BaseModel):
        same: int = n
    return Item
One, Two = module(1), module(2)
"""
    signature = """a: Item, b: list[Item], c: Color | None, d: Node, e: dict[str, Data], f: Options,
        g: Annotated[Cat | Dog, Field(discriminator="kind")], h: tuple[int, Item], i: One, j: Two,
        k: list[One | Two], l: T, m: date | None, n: RootModel[list[Node]]"""
    contract = _contract(project_of, signature, head=head)
    root = project_of({}).root
    done = subprocess.run(
        [sys.executable, "-c", _TRUTH, str(root)], capture_output=True, check=True, text=True
    )
    truth = json.loads(done.stdout)
    assert list(contract.inputs["properties"]) == list(truth)
    for name, schema in contract.inputs["properties"].items():
        truth_defs = truth[name].get("$defs", {})
        assert _alike(schema, truth[name], contract.inputs["$defs"], truth_defs, set()), name


def test_definitions_of_one_name_do_not_mix(project_of: Open) -> None:
    project = project_of({
        "one.py": "from pydantic import BaseModel\nclass Item(BaseModel):\n x: int\n"
        "class Box(BaseModel):\n item: Item",
        "two.py": "from pydantic import BaseModel\nclass Item(BaseModel):\n y: int\n"
        "class Box(BaseModel):\n item: Item",
        "app.py": "import one, two\ndef f(a: one.Box, b: two.Box, c: one.Box) -> one.Item: ...",
    })  # fmt: skip
    inputs = project.freeze(project.function("app:f")[1]).inputs
    assert inputs["properties"] == {
        "a": {"$ref": "#/$defs/Box"},
        "b": {"$ref": "#/$defs/Box__b"},
        "c": {"$ref": "#/$defs/Box"},
    }
    assert list(inputs["$defs"]["Item"]["properties"]) == ["x"]
    assert list(inputs["$defs"]["Item__b"]["properties"]) == ["y"]
    assert inputs["$defs"]["Box__b"]["properties"]["item"] == {"$ref": "#/$defs/Item__b"}


def test_descriptions_of_a_docstring(project_of: Open) -> None:
    docstring = """
        Find.

        Args:
            a: What to
                find.
            b: Not this.
            args: More.
            gone: Not there any more.
        """
    found = _contract(
        project_of, "a: int, b: Annotated[int, Doc('This.')], *args: Strange, c=1", docstring
    )
    assert found.inputs["properties"] == {
        "a": {"type": "integer", "description": "What to find."},
        "b": {"type": "integer", "description": "This."},
        "args": {
            "items": {},
            "type": "array",
            "$comment": "its type has no JSON schema",
            "description": "More.",
        },
        "c": {"default": 1},
    }


def test_the_prompt_lists_what_the_docstring_does_not_say(project_of: Open) -> None:
    signature = "a: Annotated[int, Field(description='In euros.')], b: Annotated[str, 'Why.'], c=1"
    found = _contract(project_of, signature, "Find.\n\n    :param c: Said.\n    :param b: Why.")
    assert found.system_prompt.endswith(
        "def f(a: int, b: str, c=1) -> Item:\n"
        '    """Find.\n\n    :param c: Said.\n    :param b: Why."""\n'
        "\n"
        "Arguments:\n"
        "- a: In euros."
    )


def test_what_the_prompt_says_of_the_arguments_is_in_the_fingerprint(project_of: Open) -> None:
    said = {
        text: _contract(project_of, f"a: Annotated[int, Doc('{text}')]").fingerprint
        for text in ("In euros.", "In dollars.")
    }
    assert len(set(said.values())) == 2


def test_what_it_does_not_say_is_not(project_of: Open) -> None:
    one = _contract(project_of, "a: Data")
    other = _contract(project_of, "a: Data", head="@dataclass\nclass Data:\n    y: int\n")
    assert one.inputs != other.inputs
    assert one.fingerprint == other.fingerprint
