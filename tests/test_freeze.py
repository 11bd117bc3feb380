"""From a candidate to the texts that a student sees."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from distilgen import texts
from distilgen.errors import ConfigError
from distilgen.freeze import freeze
from distilgen.signature import signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.contract import Contract
    from distilgen.project import Project

    Open = Callable[[Mapping[str, str]], Project]

_MODELS = """
    from __future__ import annotations
    from pydantic import BaseModel, Field, RootModel

    class Item(BaseModel):
        \"""A thing for sale.\"""
        name: str
        price: float = Field(ge=0, description="In euros.")

    class Bare(BaseModel):
        name: str

    class Node(BaseModel):
        \"""A tree.\"""
        children: list[Node] = []

    class Words(RootModel[list[str]]):
        \"""Words in order.\"""

    class Nested(RootModel[list["Nested"]]): ...
    """


def _contract(project_of: Open, app: str, name: str = "f", **others: str) -> Contract:
    project = project_of({"shop/__init__.py": "", "shop/models.py": _MODELS, "shop/app.py": app,
                          **others})  # fmt: skip
    _, found = project.function(f"shop.app:{name}")
    assert found.is_candidate, found.reason
    return project.freeze(found)


def _frozen(
    project_of: Open, function: str, schema: dict[str, Any], template: str = "distilgen"
) -> Contract:
    """The contract of a function with this schema, whatever it returns."""
    project = project_of({"app.py": function})
    _, found = project.function("app:f")
    prompt = texts.prompt(template, project.root)
    return freeze(found, schema, {}, prompt, project.resolver)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        pytest.param("def f() -> R: ...", "def f() -> R", id="nothing"),
        pytest.param(
            "def f(a, b: int, c=1, d: str = 'x') -> R: ...",
            "def f(a, b: int, c=1, d: str = 'x') -> R",
            id="annotations and defaults",
        ),
        pytest.param(
            "async def f(a : int=1)->R : ...", "def f(a: int = 1) -> R", id="spaces, async"
        ),
        pytest.param(
            'def f(\n    a: "list[R]",  # why\n    b: str = "x",\n) -> "R | None":\n    ...',
            "def f(a: list[R], b: str = 'x') -> R | None",
            id="quotes, lines and a trailing comma",
        ),
        pytest.param(
            "def f(a: Literal['x', \"y\"], b: Annotated['R', 'no type']) -> R: ...",
            "def f(a: Literal['x', 'y'], b: Annotated[R, 'no type']) -> R",
            id="strings that are values stay",
        ),
        pytest.param("def f(a, /, b) -> R: ...", "def f(a, /, b) -> R", id="positional only"),
        pytest.param("def f(a, /) -> R: ...", "def f(a, /) -> R", id="positional only alone"),
        pytest.param("def f(a, *, b) -> R: ...", "def f(a, *, b) -> R", id="keyword only"),
        pytest.param("def f(*, a) -> R: ...", "def f(*, a) -> R", id="keyword only alone"),
        pytest.param("def f(a, /, *, b) -> R: ...", "def f(a, /, *, b) -> R", id="both"),
        pytest.param(
            "def f(a, /, b=1, *c: int, d=2, **e: 'R') -> R: ...",
            "def f(a, /, b=1, *c: int, d=2, **e: R) -> R",
            id="every kind",
        ),
        pytest.param("def f(*args: *Ts) -> R: ...", "def f(*args: *Ts) -> R", id="unpacked"),
        pytest.param("class A:\n def f(self) -> R: ...", "def f() -> R", id="self"),
        pytest.param("class A:\n def f(self, a) -> R: ...", "def f(a) -> R", id="self and more"),
        pytest.param("class A:\n def f(self, /, a) -> R: ...", "def f(a) -> R", id="self, slash"),
        pytest.param(
            "class A:\n def f(self, a, /, b) -> R: ...", "def f(a, /, b) -> R", id="slash behind"
        ),
        pytest.param("class A:\n def f(self, /) -> R: ...", "def f() -> R", id="self alone, slash"),
        pytest.param("class A:\n def f(self, *, a) -> R: ...", "def f(*, a) -> R", id="self, star"),
        pytest.param(
            "class A:\n @classmethod\n def f(cls, a) -> R: ...", "def f(a) -> R", id="classmethod"
        ),
        pytest.param(
            "class A:\n @staticmethod\n def f(a) -> R: ...", "def f(a) -> R", id="staticmethod"
        ),
    ],
)
def test_signature(project_of: Open, source: str, shown: str) -> None:
    project = project_of({"app.py": source})
    _, found = project.function("app:A.f" if source.startswith("class") else "app:f")
    assert signature(found) == shown


def test_the_contract_of_a_function(project_of: Open) -> None:
    contract = _contract(
        project_of,
        """
        from .models import Item

        def f(text: str, *, limit: int = 3) -> Item:
            \"""Find the thing.

            It is there.
            \"""
            return g(text)
        """,
    )
    assert contract.function == "shop.app:f"
    assert contract.parameters == ("text", "limit")
    assert contract.user_message == "{arguments}"
    assert not contract.wraps_result
    assert contract.tool == {
        "name": "Item",
        "description": "A thing for sale.",
        "parameters": {
            "type": "object",
            "properties": {
                "name": {"title": "Name", "type": "string"},
                "price": {
                    "title": "Price",
                    "type": "number",
                    "minimum": 0,
                    "description": "In euros.",
                },
            },
            "required": ["name", "price"],
        },
    }
    assert contract.system_prompt.endswith(
        "by calling the tool `Item`.\n"
        "\n"
        "def f(text: str, *, limit: int = 3) -> Item:\n"
        '    """Find the thing.\n'
        "\n"
        '    It is there."""'
    )
    assert contract.fingerprint == contract.digest()
    assert len(contract.fingerprint) == 32


def test_without_a_docstring(project_of: Open) -> None:
    contract = _contract(project_of, "from .models import Bare\ndef f(a: str) -> Bare: return 1")
    assert contract.system_prompt.endswith("\ndef f(a: str) -> Bare:\n    ...")
    assert contract.tool["description"] == (
        "Correctly extracted `Bare` with all the required parameters with correct types"
    )


def test_the_wording_of_instructor(project_of: Open) -> None:
    contract = _contract(
        project_of,
        """
        from typing import Optional
        from .models import Item

        class A:
            class Hint: ...
            def f(self, a: int, h: "Hint" = None) -> Item:
                \"""Multiply.\"""
                return 1
        """,
        "A.f",
        **{"pyproject.toml": "[tool.distilgen]\nprompt = 'instructor'"},
    )
    assert contract.system_prompt == (
        "Predict the results of this function:\n"
        "\n"
        "def f(a: int, h: shop.app.A.Hint = None) -> shop.models.Item\n"
        '"""\n'
        "Multiply.\n"
        '"""'
    )
    assert contract.user_message == "Return `{call}`"


def test_a_script_calls_its_own_classes_by_main(project_of: Open) -> None:
    contract = _contract(
        project_of,
        """
        from pydantic import BaseModel
        from .models import Item

        class Answer(BaseModel):
            item: Item

        def f(item: Item) -> Answer: return 1

        if __name__ == "__main__":
            f(1)
        """,
        **{"pyproject.toml": "[tool.distilgen]\nprompt = 'instructor'"},
    )
    assert "def f(item: shop.models.Item) -> __main__.Answer" in contract.system_prompt


@pytest.mark.parametrize(
    ("annotation", "inner"),
    [
        pytest.param("list[Bare]", {"type": "array", "items": {"$ref": "#/$defs/Bare"}}, id="list"),
        pytest.param(
            "Bare | None",
            {"anyOf": [{"$ref": "#/$defs/Bare"}, {"type": "null"}]},
            id="Optional",
        ),
        pytest.param(
            "Union[Bare, str]",
            {"anyOf": [{"$ref": "#/$defs/Bare"}, {"type": "string"}]},
            id="Union",
        ),
        pytest.param(
            "Words",
            {
                "title": "Words",
                "description": "Words in order.",
                "type": "array",
                "items": {"type": "string"},
            },
            id="RootModel of a list",
        ),
        pytest.param("Nested", {"$ref": "#/$defs/Nested"}, id="recursive RootModel of a list"),
    ],
)
def test_what_is_no_object_is_wrapped(
    project_of: Open, annotation: str, inner: dict[str, Any]
) -> None:
    app = f"from typing import Union\nfrom .models import *\ndef f() -> {annotation}: return 1"
    contract = _contract(project_of, app)
    assert contract.wraps_result
    parameters = dict(contract.tool["parameters"])
    defs = parameters.pop("$defs", {})
    assert parameters == {"type": "object", "properties": {"result": inner}, "required": ["result"]}
    for reference in _references(contract.tool["parameters"]):
        assert reference.removeprefix("#/$defs/") in defs


def test_generators_answer_with_a_list(project_of: Open) -> None:
    app = """
        from collections.abc import Iterator
        from .models import Bare
        def f() -> Iterator[Bare]:
            yield 1
        """
    contract = _contract(project_of, app)
    assert contract.wraps_result
    assert contract.tool["parameters"]["properties"]["result"]["type"] == "array"


def test_a_dictionary_is_an_object(project_of: Open) -> None:
    app = "from .models import Bare\ndef f() -> dict[str, Bare]: return 1"
    contract = _contract(project_of, app)
    assert not contract.wraps_result
    assert contract.tool["name"] == "f"
    assert contract.tool["parameters"]["additionalProperties"] == {"$ref": "#/$defs/Bare"}


def test_numbers_that_json_has_not_are_left_out(project_of: Open) -> None:
    nan, inf = float("nan"), float("inf")
    x = {"default": nan, "maximum": inf, "minimum": 0.5, "type": "number"}
    y = {"default": [1.0, -inf], "items": {"type": "number"}, "type": "array"}
    fields = {"x": x, "y": y}
    schema = {"properties": fields, "title": "M", "type": "object"}
    contract = _frozen(project_of, "from m import M\ndef f() -> M: ...\n", schema)
    assert contract.tool["parameters"]["properties"] == {
        "x": {"minimum": 0.5, "type": "number"},
        "y": {"items": {"type": "number"}, "type": "array"},
    }


def test_a_recursive_model_is_no_reference_at_the_root(project_of: Open) -> None:
    contract = _contract(project_of, "from .models import Node\ndef f() -> Node: return 1")
    assert not contract.wraps_result
    assert (contract.tool["name"], contract.tool["description"]) == ("Node", "A tree.")
    parameters = contract.tool["parameters"]
    assert "$ref" not in parameters
    assert parameters["type"] == "object"
    assert list(_references(parameters["properties"])) == ["#/$defs/Node"]
    assert parameters["$defs"]["Node"]["title"] == "Node"


def _references(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [found for item in schema for found in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if "$ref" in schema else []
    return own + [found for item in schema.values() for found in _references(item)]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        pytest.param("Item", "Item", id="as it is"),
        pytest.param("Page[Item]", "Page_Item", id="generic"),
        pytest.param("Page[Union[A, B]]", "Page_Union_A_B", id="generic with more"),
        pytest.param("a-b_c", "a-b_c", id="dash and underscore"),
        pytest.param("Größe", "Gr_e", id="other letters"),
        pytest.param("日本", "answer", id="no letter of ours"),
        pytest.param("A" * 80, "A" * 64, id="too long"),
        pytest.param("", "f", id="none: the function's"),
    ],
)
def test_tool_names_are_what_providers_take(project_of: Open, title: str, name: str) -> None:
    contract = _frozen(project_of, "def f() -> R: ...", {"type": "object", "title": title})
    assert contract.tool["name"] == name


_BEFORE = """
    from .models import Item

    def f(text: str, kind: 'str | None' = None) -> Item:
        \"""Find the thing.

        It is there.
        \"""
        return g(text)
    """


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(
            """
            import os
            from shop.models import Item as Item

            X = 1

            @decorated
            async def f(
                text: "str",
                kind: str | None = (
                    None
                ),
            ) -> (
                "Item"  # found
            ):
                '''Find the thing.\x20\x20

                It is there.

                '''
                await other(X)
            """,
            id="moved, reformatted, another body",
        ),
        pytest.param(dedent(_BEFORE).replace("\n", "\r\n"), id="CRLF"),
    ],
)
def test_the_fingerprint_names_what_the_student_sees(project_of: Open, app: str) -> None:
    assert _contract(project_of, app).fingerprint == _contract(project_of, _BEFORE).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("It is there", "It was there", id="docstring"),
        pytest.param("text: str", "words: str", id="name of a parameter"),
        pytest.param("text: str", "text: bytes", id="type of a parameter"),
        pytest.param("= None", "= 'x'", id="default"),
        pytest.param("text: str,", "", id="one parameter less"),
        pytest.param("-> Item", "-> list[Item]", id="return type"),
        pytest.param("def f(", "def f(*, ", id="kind of a parameter"),
    ],
)
def test_the_fingerprint_changes_with_the_function(project_of: Open, old: str, new: str) -> None:
    assert old in _BEFORE
    app = _BEFORE.replace(old, new)
    assert _contract(project_of, app).fingerprint != _contract(project_of, _BEFORE).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("ge=0", "ge=1", id="constraint"),
        pytest.param("In euros", "In dollars", id="description of a field"),
        pytest.param("price: float", "cost: float", id="name of a field"),
        pytest.param("        name: str\n        price", "        price", id="one field less"),
        pytest.param("A thing for sale", "A thing", id="docstring of the model"),
    ],
)
def test_the_fingerprint_changes_with_the_model(project_of: Open, old: str, new: str) -> None:
    before = _contract(project_of, _BEFORE)
    assert old in _MODELS
    changed = {"shop/models.py": _MODELS.replace(old, new)}
    assert _contract(project_of, _BEFORE, **changed).fingerprint != before.fingerprint


def test_a_template_of_the_project(project_of: Open) -> None:
    contract = _contract(
        project_of,
        _BEFORE,
        **{
            "pyproject.toml": "[tool.distilgen]\nprompt = 'prompts/own.txt'",
            "prompts/own.txt": """
                {% block system %}
                {{ name }} | {{ function }} | {{ tool }} | {{ schema.title }} | {{ signature }}
                {{ docstring }}
                {% endblock %}
                nothing of this
                {% block user %}
                Call: {call}
                {% endblock %}
                """,
        },
    )
    assert contract.system_prompt.split("\n") == [
        "f | shop.app:f | Item | Item | def f(text: str, kind: str | None = None) -> Item",
        "Find the thing.",
        "",
        "It is there.",
    ]
    assert contract.user_message == "Call: {call}"


_OVERRIDING = {
    "pyproject.toml": "[tool.distilgen]\nprompt = 'short'\ntemplates = 'texts'",
    "texts/short.jinja": """
        {% extends "prompts/distilgen.jinja" %}
        {% block system %}
        {% include "head.jinja" %}

        {{ super() }}
        {% for p in parameters %}
        {{ p.name }} {{ p.required }} {{ p.schema.type }} {{ p.description }}
        {% endfor %}
        {{ returns }} {{ inputs.required }}
        {% endblock %}
        """,
    "texts/head.jinja": "Be short, {{ name }}.",
}

_DESCRIBED = """
    from .models import Item

    def f(text: str, limit: int = 3) -> Item:
        \"""Find.

        Args:
            text: Where.

        Returns:
            What was found.
        \"""
        return 1
    """


def test_a_template_that_extends_ours_and_includes_another(project_of: Open) -> None:
    contract = _contract(project_of, _DESCRIBED, **_OVERRIDING)
    lines = contract.system_prompt.split("\n")
    assert lines[0] == "Be short, f."
    assert lines[1].startswith("You answer in place of a Python function.")
    assert lines[-3:] == [
        "text True string Where.",
        "limit False integer ",
        "What was found. ['text']",
    ]
    assert contract.user_message == "{arguments}"


def test_a_template_of_the_users_wins_over_ours(project_of: Open) -> None:
    files = {
        "pyproject.toml": "[tool.distilgen]\ntemplates = 'texts'",
        "texts/distilgen.jinja": "{% extends 'prompts/distilgen.jinja' %}"
        "{% block user %}Now: {arguments}{% endblock %}",
    }
    contract = _contract(project_of, _DESCRIBED, **files)
    assert contract.user_message == "Now: {arguments}"
    assert contract.system_prompt.startswith("You answer in place")


def test_a_template_by_its_path_finds_those_beside_it(project_of: Open) -> None:
    files = {
        "pyproject.toml": "[tool.distilgen]\nprompt = 'a/b/own.jinja'",
        "a/b/own.jinja": "{% extends 'base.jinja' %}{% block user %}{call}{% endblock %}",
        "a/b/base.jinja": "{% block user %}{% endblock %}"
        "{% block system %}{{ name }}{% endblock %}",
    }
    contract = _contract(project_of, _DESCRIBED, **files)
    assert (contract.system_prompt, contract.user_message) == ("f", "{call}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("templates = 'gone'", r"pyproject.toml: templates: there is no folder .*gone"),
        ("templates = 'shop'\nprompt = 'x'", "no file .*x, and none of ours: .*; nor in .*shop"),
    ],
)
def test_what_is_wrong_with_the_folder(project_of: Open, settings: str, message: str) -> None:
    files = {"pyproject.toml": f"[tool.distilgen]\n{settings}"}
    with pytest.raises(ConfigError, match=message):
        _contract(project_of, _DESCRIBED, **files)


_USER = "{% block user %}{arguments}{% endblock %}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param(
            "{# mine #}\n\n{% block system %}\n{{ nmae }}{% endblock %}" + _USER,
            "prompt: own:4: UndefinedError: 'nmae' is undefined",
            id="name",
        ),
        pytest.param(
            "{% block system %}\n{{ 1 / 0 }}{% endblock %}" + _USER,
            "own:2: ZeroDiv",
            id="it raises",
        ),
        pytest.param(
            "{% extends 'prompts/distilgen.jinja' %}\n{% block user %}{{ 'a' + 1 }}{% endblock %}",
            "prompt: own:2: TypeError: ",
            id="in a block that overrides ours",
        ),
        pytest.param(
            "{% extends 'prompts/gone.jinja' %}",
            "prompt: own:1: .*prompts/gone.jinja",
            id="extends",
        ),
        pytest.param("{% extends 'own' %}", "prompt: own:1: RecursionError", id="extends itself"),
        pytest.param("{% block system %}{% endblock %}", "own has no block user", id="one block"),
        pytest.param("Hello", "own has no block system and no block user", id="no block"),
        pytest.param("{% block system %}", "prompt: own:1: ", id="syntax"),
        pytest.param(
            "{% block system %}\n{% include 'gone' %}{% endblock %}" + _USER,
            "prompt: own:2: .*gone",
            id="include",
        ),
        pytest.param(None, "prompt: no file .*own, and none of ours: distilgen, ", id="no file"),
    ],
)
def test_what_is_wrong_with_a_template(
    project_of: Open, template: str | None, message: str
) -> None:
    others = {"pyproject.toml": "[tool.distilgen]\nprompt = 'own'"}
    if template is not None:
        others["own"] = template
    with pytest.raises(ConfigError, match=message):
        _contract(project_of, _BEFORE, **others)
