"""Schemas are those of the running program, though nothing of it is imported."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import ConfigError, MissingPackageError, NoSchemaError, SchemaError
from distilgen.source import files, modules
from distilgen.source.functions import Surveyed, survey
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver
from distilgen.source.schema import SchemaWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Write = Callable[[Mapping[str, str | bytes]], Path]

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")

_HEAD = """\
from __future__ import annotations
import enum
import typing as t
from datetime import date, datetime
from decimal import Decimal
from pydantic import *
from typing import *
"""

_TRUTH = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
from pydantic import TypeAdapter
module = importlib.import_module(sys.argv[2])
answer = eval(sys.argv[3], vars(module))
print(json.dumps(TypeAdapter(answer).json_schema()))
"""


def _surveyed(root: Path, name: str = "app.py", function: str = "f") -> Surveyed:
    resolver = Resolver(Index(modules.import_roots(root)))
    facts = resolver.index.of_file(files.read(root / name))
    return {found.function.qualname: found for found in survey(facts, resolver)}[function]


def _worker(root: Path, **settings: Any) -> SchemaWorker:
    return SchemaWorker(modules.import_roots(root), root, **settings)


def _schema(root: Path, name: str = "app.py", function: str = "f") -> dict[str, Any]:
    with _worker(root) as worker:
        return worker.schema_of(_surveyed(root, name, function))


def _truth(root: Path, annotation: str, module: str = "app") -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _TRUTH, str(root), module, annotation],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    schema: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return schema


def _same(ours: dict[str, Any], truth: dict[str, Any]) -> None:
    """Equal, and in the same order, which the student sees too."""
    assert ours == truth
    assert json.dumps(ours) == json.dumps(truth)


@pytest.mark.parametrize(
    ("app", "annotation"),
    [
        pytest.param("class M(BaseModel):\n a: int\n b: str = 'x'", "M", id="fields"),
        pytest.param(
            "class M(BaseModel):\n '''What it is.'''\n a: int = Field(ge=0, description='Why.')\n"
            " b: Annotated[str, Field(min_length=2, pattern='^a')] = Field(examples=['ab'])\n"
            " c: conint(gt=3) = 4\n d: list[Decimal] = Field(default_factory=list, max_length=3)",
            "M",
            id="constraints and descriptions",
        ),
        pytest.param(
            "class M(BaseModel):\n model_config = ConfigDict(title='Other', extra='forbid')\n"
            " a_b: int = Field(alias='aB', serialization_alias='AB')\n"
            " c: int = Field(validation_alias=AliasChoices('x', 'y'))",
            "M",
            id="aliases and configuration",
        ),
        pytest.param(
            "def camel(name: str) -> str:\n return name.title().replace('_', '')\n"
            "class M(BaseModel):\n model_config = {'alias_generator': camel}\n one_two: int",
            "M",
            id="alias generator of the module",
        ),
        pytest.param(
            "def check(value: Any) -> Any:\n return other(value)\n"
            "class M(BaseModel):\n a: Annotated[int, AfterValidator(check)]\n"
            " @field_validator('a')\n @classmethod\n def ok(cls, v: int) -> int: return gone(v)\n"
            " @model_validator(mode='after')\n def fine(self) -> Self: return self",
            "M",
            id="validators",
        ),
        pytest.param(
            "class M(BaseModel):\n a: int\n @computed_field\n @property\n"
            " def b(self) -> int: return 1\n @field_serializer('a')\n def s(self, v) -> str: ...",
            "M",
            id="serializers and computed fields",
        ),
        pytest.param(
            "class A(BaseModel):\n kind: Literal['a']\n"
            "class B(BaseModel):\n kind: Literal['b', 'c']\n"
            "class M(BaseModel):\n x: Annotated[A | B, Field(discriminator='kind')]",
            "M",
            id="discriminated union",
        ),
        pytest.param(
            "def kind(v: Any) -> str: return 'a'\nclass A(BaseModel): ...\n"
            "M = Annotated[Annotated[A, Tag('a')] | Annotated[int, Tag('b')], Discriminator(kind)]",
            "M",
            id="discriminator function",
        ),
        pytest.param(
            "class Color(str, enum.Enum):\n '''Hues.'''\n RED = 'r'\n BLUE = 'b'\n"
            "class Size(enum.IntEnum):\n S = enum.auto()\n L = enum.auto()\n"
            "Way = enum.Enum('Way', 'UP DOWN')\n"
            "class M(BaseModel):\n c: Color = Color.RED\n s: set[Size]\n w: Way",
            "M",
            id="enums",
        ),
        pytest.param(
            "class M(BaseModel):\n parent: M | None = None\n children: list['M']",
            "M",
            id="recursive",
        ),
        pytest.param(
            "class A(BaseModel):\n b: list[B]\nclass B(BaseModel):\n a: Optional[A]\n",
            "A",
            id="recursive in two",
        ),
        pytest.param(
            "class A(BaseModel):\n b: B\nclass B(BaseModel):\n x: int\nA.model_rebuild()",
            "list[A]",
            id="forward, with a rebuild",
        ),
        pytest.param(
            "T = TypeVar('T')\nclass Item(BaseModel):\n x: int\n"
            "class Page(BaseModel, Generic[T]):\n items: list[T]\n next: Optional[Page[T]] = None",
            "Page[Item]",
            id="generic",
        ),
        pytest.param(
            "T = TypeVar('T')\nclass Page(BaseModel, Generic[T]):\n items: list[T]\n"
            "class M(Page[int]):\n more: Page[str]",
            "M",
            id="generic base",
        ),
        pytest.param(
            "class Page[T](BaseModel):\n items: list[T]\ntype Pages = list[Page[int]]",
            "Pages",
            id="generic by brackets, type statement",
            marks=_PEP_695,
        ),
        pytest.param(
            "import dataclasses\nclass M(BaseModel):\n a: int\n"
            "@dataclasses.dataclass\nclass B:\n '''What it is.'''\n m: M\n"
            "@dataclasses.dataclass\nclass D(B):\n"
            " d: list['D'] = dataclasses.field(default_factory=list)",
            "D",
            id="dataclass with a model",
        ),
        pytest.param(
            "class M(BaseModel):\n a: int\nclass N(NamedTuple):\n m: M\n n: int = 1",
            "N",
            id="NamedTuple with a model",
        ),
        pytest.param(
            "from typing_extensions import TypedDict\nclass M(BaseModel):\n a: int\n"
            "class B(TypedDict, total=False):\n m: M\nclass D(B):\n n: Required[list[M]]",
            "D",
            id="TypedDict with a model",
        ),
        pytest.param(
            "class M(BaseModel):\n a: int\nT = TypeVar('T')\nPair = tuple[T, list[T]]\n"
            "class Page(BaseModel, Generic[T]):\n items: list[T]",
            "Pair[Page[M]]",
            id="generic alias and generic model",
        ),
        pytest.param(
            "class M(BaseModel):\n a: int\nN = NewType('N', M)\nO = Annotated[N, Field(title='O')]",
            "dict[str, O] | None",
            id="NewType and Annotated",
        ),
        pytest.param(
            "class B(BaseModel):\n b: int\nM = create_model('M', __base__=B, a=(str, ...))",
            "M",
            id="create_model with a base",
        ),
        pytest.param(
            "from typing import Literal as L\nclass M(BaseModel):\n a: L['x y', 'z']",
            "M | L['a b']",
            id="Literal by another name",
        ),
        pytest.param(
            "try:\n import gone_for_good\n Other = gone_for_good.Other\nexcept ImportError:\n"
            " Other = None\nclass M(BaseModel):\n a: Union[str, Other]",
            "M",
            id="what an import that fails would have bound",
        ),
        pytest.param(
            "KINDS: dict[str, type] = {}\nclass B(BaseModel):\n"
            " def __init_subclass__(cls, **k: Any) -> None:\n  super().__init_subclass__(**k)\n"
            "  KINDS[cls.__name__] = cls\nclass One(B):\n x: int\nclass Two(One):\n y: int\n"
            "M = Union[tuple(KINDS.values())]",
            "M",
            id="a register of subclasses",
        ),
        pytest.param(
            "class Odd: ...\ndef set_pydantic_config(kind: Any, config: Any) -> None:\n"
            " kind.__pydantic_config__ = config\n"
            "from typing_extensions import TypedDict\nclass M(TypedDict):\n x: Union[int, Odd]\n"
            "set_pydantic_config(M, {'arbitrary_types_allowed': True})",
            "M",
            id="a class that is told its configuration",
        ),
        pytest.param(
            "KINDS: list[type] = []\ndef known(cls: type) -> type:\n KINDS.append(cls)\n"
            " return cls\n@known\nclass One(BaseModel):\n x: int\n@known\n"
            "class Two(BaseModel):\n y: int\nM = Union[tuple(KINDS)]",
            "M",
            id="a register by a decorator",
        ),
        pytest.param(
            "def fill(names):\n names['Made'] = create_model('Made', a=(int, 1))\n"
            "space = globals()\nfill(space)\nclass M(BaseModel):\n m: Made",
            "M",
            id="a namespace that a function fills",
        ),
        pytest.param("class M(RootModel[list[str]]):\n '''Words.'''", "M", id="RootModel"),
        pytest.param(
            "class M(RootModel):\n root: dict[str, M] = {}", "M", id="recursive RootModel"
        ),
        pytest.param("M = RootModel[list[int]]", "M", id="RootModel by alias"),
        pytest.param(
            "class M(BaseModel):\n class Part(BaseModel):\n  x: int\n"
            " class Kind(enum.Enum):\n  A = 1\n part: Part\n kind: Kind = Kind.A",
            "dict[str, M]",
            id="nested classes",
        ),
        pytest.param(
            "class Out:\n class In(BaseModel):\n  x: int\n  class Deep(BaseModel):\n   y: int",
            "tuple[Out.In, Out.In.Deep]",
            id="nested classes by name",
        ),
        pytest.param(
            "from pydantic.dataclasses import dataclass\n"
            "@dataclass\nclass M:\n a: int\n b: str = 'x'",
            "M",
            id="pydantic dataclass",
        ),
        pytest.param(
            "import dataclasses as d\nfrom typing_extensions import TypedDict\n"
            "@d.dataclass\nclass P:\n x: int = d.field(default=1)\n"
            "class R(TypedDict, total=False):\n p: P\n q: Required[int]\n"
            "class N(NamedTuple):\n r: R\n s: str = 's'\nclass M(BaseModel):\n n: N",
            "M",
            id="other kinds of records",
        ),
        pytest.param(
            "class Base(BaseModel):\n x: date\nM = create_model('M', __base__=Base, y=(int, 3))",
            "M",
            id="create_model",
        ),
        pytest.param("N = NewType('N', int)\nclass M(BaseModel):\n n: N", "M", id="NewType"),
        pytest.param(
            "class M(BaseModel):\n at: datetime\n p: SecretStr\n"
            " b: bytes = b'x'\n e: Json[list[int]]\n q: tuple[int, str]\n r: frozenset[UUID4]",
            "M",
            id="types of Pydantic's",
        ),
        pytest.param(
            "class M(BaseModel):\n a: float = float('inf')\n b: list[float] = [1.5, float('nan')]",
            "M",
            id="numbers that JSON has not",
            marks=pytest.mark.filterwarnings("default"),
        ),
        pytest.param(
            "LIMIT = 3\nNAMES = ('a', 'b')\nHINT = f'{LIMIT} of them'\nname: str = 'q'\n"
            "class M(BaseModel):\n a: int = Field(LIMIT, le=LIMIT * 2, description=HINT)\n"
            " b: Literal[NAMES] = NAMES[0]\n c: list[str] = [n.upper() for n in NAMES]\n"
            " d: str = name",
            "M",
            id="values of the module",
        ),
        pytest.param(
            "LIMIT = 1\nLIMIT += 2\nA, (B, *C) = 1, (2, 3, 4)\nfor I in range(3): pass\n"
            "SEEN = {}\nSEEN['x'] = 1\nSEEN['y'] = 2\nNAMES = ['a']\nNAMES.append('b')\n"
            "NAMES += ['c']\n"
            "class M(BaseModel):\n a: int = LIMIT\n b: list = [A, B, *C]\n c: int = I\n"
            " d: dict = SEEN\n e: list[str] = NAMES",
            "M",
            id="values that later statements change",
        ),
        pytest.param(
            "COLORS = {}\nfor name in ('red', 'blue'):\n COLORS[name.upper()] = name\n"
            "COUNTS = list()\nCOUNTS.append(name)\nCOUNTS.append(len(COUNTS))\n"
            "Color = enum.Enum('Color', COLORS)\n"
            "A, B = create_model('A', c=(Color, ...)), create_model('B')\n"
            "class M(BaseModel):\n b: B\n a: A\n c: list[A]\n d: list = COUNTS",
            "M",
            id="each statement runs once",
        ),
        pytest.param(
            "import sys\nif sys.version_info >= (3, 11):\n class P(BaseModel):\n  new: int\nelse:\n"
            " class P(BaseModel):\n  old: int\n"
            "try:\n from gone import Base\nexcept ImportError:\n Base = P\n"
            "with open(__file__) as handle:\n FIRST = handle.readline().strip()\n"
            "class M(Base):\n a: str = FIRST",
            "M",
            id="classes and values under conditions",
        ),
        pytest.param(
            "def field(**kwargs):\n return Field(title='T', **more(), **kwargs)\n"
            "def more():\n return {'description': 'D'}\nclass M(BaseModel):\n a: int = field(gt=1)",
            "M",
            id="functions of the module",
        ),
        pytest.param(
            "REGISTRY = []\ndef register(cls):\n REGISTRY.append(cls)\n cls.__doc__ = 'Seen.'\n"
            " return cls\n@register\nclass M(BaseModel):\n a: int",
            "M",
            id="decorators",
        ),
        pytest.param(
            "class Mixin:\n def __init_subclass__(cls, **kwargs): super().__init_subclass__()\n"
            "class A(BaseModel):\n b: int\nclass M(Mixin, A):\n a: int",
            "M",
            id="bases",
        ),
        pytest.param(
            "class M(BaseModel):\n date: date\n str: str = 'x'\n", "M", id="fields named as types"
        ),
        pytest.param(
            "class list(BaseModel):\n x: int\nclass M(BaseModel):\n a: list",
            "M",
            id="names of builtins",
        ),
        pytest.param("class Größe(BaseModel):\n ß: int = 1", "Größe", id="other letters"),
        pytest.param(
            "class Zip(BaseModel):\n @classmethod\n def __get_pydantic_json_schema__(cls, c, h):\n"
            "  return h(c) | {'examples': [helper()]}\n x: int\ndef helper(): return 1",
            "Zip",
            id="hooks for the schema",
        ),
    ],
)
def test_equals_what_the_running_program_would_say(
    write_tree: Write, app: str, annotation: str
) -> None:
    root = write_tree({"app.py": f"{_HEAD}{app}\ndef f() -> {annotation}: ...\n"})
    _same(_schema(root), _truth(root, annotation))


@pytest.mark.parametrize(
    ("tree", "annotation"),
    [
        pytest.param(
            {
                "app.py": "from shop import Cart",
                "shop/__init__.py": "from .cart import Cart",
                "shop/cart.py": "from .items import *\nfrom . import limits as l\n"
                "from .base import Base as B\n"
                "class Cart(B):\n items: list[Item]\n most: int = l.MOST",
                "shop/items.py": "from .base import Base\n__all__ = ['Item']\n"
                "class Item(Base):\n name: str",
                "shop/base.py": "from pydantic import BaseModel\nclass Base(BaseModel):\n id: int",
                "shop/limits.py": "from .deep.more import MOST",
                "shop/deep/__init__.py": "",
                "shop/deep/more.py": "from ..other import X\nMOST = X + 1",
                "shop/other.py": "X = 41",
            },
            "Cart",
            id="a package",
        ),
        pytest.param(
            {
                "app.py": "from a import A",
                "a.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
                "from pydantic import BaseModel\n"
                "class A(BaseModel):\n b: B | None = None\n"
                "from b import B",
                "b.py": "from pydantic import BaseModel\nimport a\n"
                "class B(BaseModel):\n many: 'list[a.A]' = []\n",
            },
            "A",
            id="modules in a circle",
        ),
        pytest.param(
            {
                "app.py": "from pydantic import BaseModel\nimport kit\n"
                "from kit import make, binds, prepare, path, import_, _made, _done\n"
                "class M(BaseModel):\n a: int = make\n b: int = kit.binds\n c: int = prepare\n"
                " d: int = kit.path\n e: int = import_\n f: int = _made\n g: int = kit._done\n"
                " h: int = kit._stars\n i: int = kit._binders\n j: int = kit._module",
                "kit.py": "make = _made = 1\nbinds = path = 2\nprepare = import_ = _done = 3\n"
                "_stars = _binders = _module = 4",
            },
            "M",
            id="names of our own",
        ),
        pytest.param(
            {
                "app.py": "import libs.common.deep as d\nfrom libs.common import other",
                "libs/common/deep.py": "from pydantic import BaseModel\nfrom .other import N\n"
                "class Deep(BaseModel):\n x: int = N",
                "libs/common/other.py": "N = 4",
            },
            "d.Deep",
            id="namespace packages",
        ),
        pytest.param(
            {
                "app.py": "import one.models, two.models\nfrom pydantic import BaseModel\n"
                "class M(BaseModel):\n a: one.models.Item\n b: two.models.Item",
                "one/__init__.py": "",
                "two/__init__.py": "",
                "one/models.py": "from pydantic import BaseModel\nclass Item(BaseModel):\n x: int",
                "two/models.py": "from pydantic import BaseModel\nclass Item(BaseModel):\n y: int",
            },
            "M",
            id="namesakes",
        ),
        pytest.param(
            {
                "app.py": "import shop\nM = shop.Late",
                "shop/__init__.py": "def __getattr__(name):\n"
                " if name == 'Late':\n  from .late import Late\n  return Late\n"
                " raise AttributeError(name)",
                "shop/late.py": "from pydantic import BaseModel\nclass Late(BaseModel):\n x: int",
            },
            "M",
            id="lazy package",
        ),
        pytest.param(
            {
                "app.py": "import queue\nfrom queue import Item\nclass M(Item):\n x: queue.Number",
                "queue.py": "from pydantic import BaseModel\nNumber = int\n"
                "class Item(BaseModel):\n name: str",
            },
            "M",
            id="a module named as one of Python's",
        ),
        pytest.param(
            {
                "app.py": "from shop import models\nM = models.Item",
                "shop/__init__.py": "from .models import *\nfrom .settings import *",
                "shop/settings.py": "from shop import models\nclass S:\n m: models.Item",
                "shop/models.py": "from pydantic import BaseModel\nclass Item(BaseModel):\n x: int",
            },
            "M",
            id="a star import that leads back",
        ),
        pytest.param(
            {
                "app.py": "import shop.models\nfrom shop import models, Base\n"
                "class M(Base):\n m: models.Item",
                "shop/__init__.py": "from .sub import *",
                "shop/models.py": "from pydantic import BaseModel\nclass Item(BaseModel):\n x: int",
                "shop/sub/__init__.py": "from .models import Base",
                "shop/sub/models.py": "from pydantic import BaseModel as Base",
            },
            "M",
            id="a module in a package with a star that has one",
        ),
        pytest.param(
            {
                "app.py": "from one import Made\nfrom pydantic import BaseModel\n"
                "class M(BaseModel):\n m: Made",
                "one.py": "import two\ntwo.fill(globals(), two.READY)",
                "two.py": "from pydantic import create_model\nREADY = []\n"
                "def more(names): READY.append(1)\nmore(globals())\n"
                "def fill(names, ready): names['Made'] = create_model('Made', a=(int, len(ready)))",
            },
            "M",
            id="modules that fill their namespaces",
        ),
        pytest.param(
            {
                "app.py": "from openai.types import CompletionUsage\n"
                "class M(CompletionUsage):\n kind: str\n",
            },
            "M",
            id="installed base",
        ),
        pytest.param(
            {
                "app.py": "from pydantic import BaseModel\nfrom pydantic_core import core_schema\n"
                "_BASE = None\nclass Tool(BaseModel):\n name: str\n @classmethod\n"
                " def __get_pydantic_core_schema__(cls, source, handler):\n"
                "  if cls is not _BASE:\n   return handler(source)\n"
                "  return core_schema.dict_schema(handler(str), handler(int))\n"
                "_BASE = Tool",
            },
            "list[Tool]",
            id="a name that is bound anew to what needs it",
        ),
        pytest.param(
            {
                "app.py": "from kinds import *",
                "kinds.py": "from pydantic import BaseModel\nclass slice(BaseModel):\n a: int",
            },
            "slice",
            id="a star import that hides one of Python's own names",
        ),
        pytest.param(
            {
                "app.py": "import tree\nclass One(tree.One): pass\nclass Two(tree.Two): pass",
                "tree.py": "from pydantic import BaseModel\nfrom typing import List, Union\n"
                "class One(BaseModel):\n parts: List['Part']\n"
                "class Two(BaseModel):\n parts: List['Part']\n"
                "Part = Union[One, Two]\nOne.model_rebuild()\nTwo.model_rebuild()",
            },
            "One | Two",
            id="classes that are rebuilt with each other",
        ),
        pytest.param(
            {
                "app.py": "from pydantic import BaseModel\nfrom few import MORE\n"
                "class M(BaseModel):\n sizes: list[int] = MORE",
                "few.py": "FEW = [1]\nMORE = FEW.copy()\nMORE.append(2)\n",
            },
            "M",
            id="a copy that is changed",
        ),
        pytest.param(
            {
                "app.py": "from pydantic import BaseModel\nclass First(BaseModel): pass\n"
                "import kit\nclass M(kit.Base): pass",
                "kit.py": "import pydantic as pd\ndef info(of: pd.fields.FieldInfo): return 3\n"
                "class Base(pd.BaseModel):\n x: int = info(None)",
            },
            "M",
            id="a module that comes with another",
        ),
        pytest.param(
            {
                "app.py": "# coding: latin-1\nfrom pydantic import BaseModel, Field\n"
                "class M(BaseModel):\n x: int = Field(description='é')".encode("latin-1")
            },
            "M",
            id="another encoding",
        ),
    ],
)
def test_equals_the_program_over_many_files(
    write_tree: Write, tree: dict[str, str | bytes], annotation: str
) -> None:
    root = write_tree({"pyproject.toml": "", **tree})
    app = (root / "app.py").read_bytes()
    (root / "app.py").write_bytes(app + f"\ndef f() -> {annotation}: ...\n".encode())
    _same(_schema(root), _truth(root, annotation))


def test_names_that_only_type_checkers_import(write_tree: Write) -> None:
    root = write_tree({
        "app.py": """
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from a import A
            def f() -> "A": ...
            """,
        "a.py": """
            from __future__ import annotations
            from typing import TYPE_CHECKING
            from pydantic import BaseModel
            if TYPE_CHECKING:
                from b import B
            class A(BaseModel):
                b: B | None = None
            """,
        "b.py": """
            from __future__ import annotations
            import typing
            from pydantic import BaseModel
            if typing.TYPE_CHECKING:
                import a
            class B(BaseModel):
                many: list[a.A] = []
            """,
        # The same program with its names where a run finds them.
        "truth.py": """
            import a, b
            vars(a)["B"], vars(b)["a"] = b.B, a
            b.B.model_rebuild(), a.A.model_rebuild(force=True)
            """,
    })  # fmt: skip
    _same(_schema(root), _truth(root, "a.A", "truth"))


def test_methods_see_the_names_of_their_class(write_tree: Write) -> None:
    root = write_tree({
        "app.py": """
            from pydantic import BaseModel
            class Answer(BaseModel):
                outer: int
            class Service:
                class Answer(BaseModel):
                    inner: int
                    class Part(BaseModel):
                        deep: int
                    def part(self) -> Part: ...
                def f(self) -> "list[Answer]": ...
                def Answer2(self) -> int: ...
            """
    })  # fmt: skip
    with _worker(root) as worker:
        found = worker.schema_of(_surveyed(root, function="Service.f"))
        part = worker.schema_of(_surveyed(root, function="Service.Answer.part"))
    _same(found, _truth(root, "list[Service.Answer]"))
    _same(part, _truth(root, "Service.Answer.Part"))


def test_names_in_quotes_are_of_the_module_that_quotes_them(write_tree: Write) -> None:
    root = write_tree({
        "app.py": "from shop import Items\nItem = int\ndef f() -> Items: ...",
        "shop.py": """
            from typing import Dict, Optional
            from pydantic import BaseModel
            Items = Dict[str, Optional["Item"]]
            class Item(BaseModel):
                x: int
            """,
    })  # fmt: skip
    _same(_schema(root), _truth(root, "Dict[str, Optional[Item]]", "shop"))


def test_a_generator_answers_with_a_list(write_tree: Write) -> None:
    app = """
        from collections.abc import Iterator
        from pydantic import BaseModel
        class M(BaseModel):
            x: int
        def f() -> Iterator[M]:
            yield M(x=1)
        """
    root = write_tree({"app.py": app})
    _same(_schema(root), _truth(root, "list[M]"))


def test_nothing_else_of_the_project_runs(write_tree: Write) -> None:
    planted = """
        import sys
        print("printed")
        open("planted", "w").write("x")
        input()
        register(1)
        BAD = 1 / 0
        for number in range(3):
            open(f"planted{number}", "w")
        class Bad:
            open("planted-class", "w")
        def unused(x=open("planted-default", "w")): ...
        sys.exit(3)
        raise RuntimeError
        """
    root = write_tree({
        "pyproject.toml": "",
        "shop/__init__.py": dedent(planted) + "from .models import Item",
        "shop/models.py": "import gone_for_good\nfrom gone_for_good import x, y\n"
        "from pydantic import BaseModel\n" + dedent(planted) + "\nNAME = 'n'\n"
        "class Item(BaseModel):\n name: str = NAME\n" + dedent(planted),
        "app.py": dedent(planted) + "from shop import Item, gone\nfrom shop.never import this\n"
        "def f() -> Item: ...\nif __name__ == '__main__': raise SystemExit(1)\n",
        "shop/never.py": "open('planted-never', 'w')",
    })  # fmt: skip
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert _schema(root) == {
        "properties": {"name": {"default": "n", "title": "Name", "type": "string"}},
        "title": "Item",
        "type": "object",
    }
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_what_is_evaluated_may_print_and_read(write_tree: Write) -> None:
    app = """
        import os, sys
        from pydantic import BaseModel
        def noisy(x):
            print("to standard output")
            print("to standard error", file=sys.stderr)
            os.write(1, b"to the descriptor\\n")
            return x + repr(sys.stdin.read())
        class M(BaseModel):
            x: str = noisy("x")
        def f() -> M: ...
        """
    root = write_tree({"app.py": app})
    assert _schema(root)["properties"]["x"]["default"] == "x''"


_GOOD = """
    from pydantic import BaseModel
    class Good(BaseModel):
        x: int
    def good() -> Good: ...
    """


@pytest.mark.parametrize(
    ("app", "error", "message"),
    [
        pytest.param(
            "from gone_for_good.models import Base\nclass M(Base): ...",
            MissingPackageError,
            "no schema for M: needs the package gone_for_good, which .* does not have; install it",
            id="missing package",
        ),
        pytest.param(
            "from shop.gone import Base\nclass M(Base): ...",
            SchemaError,
            "no schema for M: the project has no module shop.gone",
            id="missing module of the project",
        ),
        pytest.param(
            "from shop import Gone\nclass M(Gone): ...",
            SchemaError,
            "no schema for M: ImportError: cannot import name 'Gone' from 'shop'",
            id="missing name",
        ),
        pytest.param(
            "class M(BaseModel):\n x: Gone",
            SchemaError,
            r"no schema for M: NameError: name 'Gone' is not defined \(.*app.py:\d+\)",
            id="unbound name",
        ),
        pytest.param(
            "class M(BaseModel):\n x: int = 1 / 0",
            SchemaError,
            r"ZeroDivisionError: division by zero \(.*app.py:6\)",
            id="it raises",
        ),
        pytest.param(
            "import sys\nclass M(BaseModel):\n x: int = sys.exit('bye')",
            SchemaError,
            r"no schema for M: SystemExit: bye",
            id="it exits",
        ),
        pytest.param(
            "class M(BaseModel):\n x: int = int('a\\nb')\n",
            SchemaError,
            "no schema for M: ValueError: invalid literal",
            id="it raises over lines",
        ),
        pytest.param(
            "class M(BaseModel):\n x: Callable[[int], str]",
            NoSchemaError,
            "no schema for M: PydanticInvalidForJsonSchema: .*CallableSchema",
            id="Callable",
        ),
        pytest.param(
            "class C: ...\nclass M(BaseModel):\n x: C",
            NoSchemaError,
            "no schema for M: PydanticSchemaGenerationError: ",
            id="class of the project",
        ),
        pytest.param(
            "def deep(n):\n return deep(n + 1)\nclass M(BaseModel):\n x: int = deep(1)",
            SchemaError,
            "no schema for M: RecursionError: ",
            id="endless recursion",
        ),
        pytest.param(
            "import os\nclass M(BaseModel):\n x: int = os._exit(3)",
            SchemaError,
            "no schema for M: evaluating it ended the process",
            id="it ends the process",
        ),
        pytest.param(
            "import os, sys\nclass M(BaseModel):\n"
            " print('last words', file=sys.stderr, flush=True)\n"
            " os.abort()",
            SchemaError,
            "no schema for M: evaluating it ended the process: last words",
            id="it aborts",
        ),
    ],
)
def test_says_why_there_is_no_schema_and_goes_on(
    write_tree: Write, app: str, error: type[SchemaError], message: str
) -> None:
    head = "from pydantic import BaseModel\nfrom typing import *\n"
    root = write_tree({
        "pyproject.toml": "",
        "app.py": f"{head}\n\n{app}\ndef f() -> M: ...\n",
        "good.py": _GOOD,
        "shop/__init__.py": "",
    })  # fmt: skip
    with _worker(root) as worker:
        for _ in range(2):  # the answer is kept
            with pytest.raises(SchemaError, match=message) as caught:
                worker.schema_of(_surveyed(root))
            assert type(caught.value) is error
            assert worker.schema_of(_surveyed(root, "good.py", "good"))["title"] == "Good"


def test_an_endless_evaluation_is_ended(write_tree: Write) -> None:
    app = """
        import time
        from pydantic import BaseModel
        class M(BaseModel):
            while True:
                time.sleep(60)
        def f() -> M: ...
        """
    root = write_tree({"app.py": app, "good.py": _GOOD})
    with _worker(root, seconds=5.0) as worker:
        assert worker.schema_of(_surveyed(root, "good.py", "good"))["title"] == "Good"
        with pytest.raises(SchemaError, match="for M: evaluating it took over 5 seconds"):
            worker.schema_of(_surveyed(root))
        worker.seconds = 60.0
        other = _GOOD.replace("Good", "Other")
        (root / "other.py").write_text(dedent(other))
        assert worker.schema_of(_surveyed(root, "other.py", "good"))["title"] == "Other"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")], ids=" then ".join)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Optional[Literal['a', 'b']]", "Optional[Literal['b', 'a']]"),
        ("List[Literal['a', 'b']]", "List[Literal['b', 'a']]"),
        ("List[Union[int, str]]", "List[Union[str, int]]"),
        ("Optional[Literal[1, 0]]", "Optional[Literal[True, False]]"),
        ("Dict[str, Optional[Literal['a', 'b']]]", "Dict[str, Optional[Literal['b', 'a']]]"),
        ("list[Literal['a', 'b'] | None]", "list[Literal['b', 'a'] | None]"),
    ],
)
def test_no_schema_depends_on_what_was_asked_before(
    write_tree: Write, one: str, other: str, order: tuple[str, str]
) -> None:
    text = "from typing import *\nfrom pydantic import BaseModel\n"
    text += "class M(BaseModel):\n x: {}\ndef f() -> M: ...\n"
    root = write_tree({"a.py": text.format(one), "b.py": text.format(other)})
    with _worker(root) as worker:
        found = {name: worker.schema_of(_surveyed(root, f"{name}.py")) for name in order}
    for name in order:
        _same(found[name], _truth(root, "M", name))


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")], ids=" then ".join)
def test_what_is_said_of_one_use_of_a_recursive_model_stays_there(
    write_tree: Write, order: tuple[str, str]
) -> None:
    text = "from typing import Annotated\nfrom pydantic import BaseModel, Field\n"
    text += "class M(BaseModel):\n many: list['M'] = []\n"
    text += "def a() -> Annotated[M, Field(description='One.')]: ...\ndef b() -> list[M]: ...\n"
    root = write_tree({"app.py": text})
    with _worker(root) as worker:
        found = {name: worker.schema_of(_surveyed(root, "app.py", name)) for name in order}
    _same(found["a"], _truth(root, "Annotated[M, Field(description='One.')]"))
    _same(found["b"], _truth(root, "list[M]"))


def test_scripts_of_one_name_do_not_mix(write_tree: Write) -> None:
    text = "from kit import X\nfrom pydantic import BaseModel\n"
    text += "class M(BaseModel):\n {}: int = X\ndef f() -> M: ...\n"
    root = write_tree({
        "pyproject.toml": "",
        "tool-one/run.py": text.format("one"),
        "tool-one/kit.py": "X = 1",
        "tool-two/run.py": text.format("two"),
        "tool-two/kit.py": "X = 2",
    })  # fmt: skip
    with _worker(root) as worker:
        for name in ("one", "two", "one"):
            worker._known.clear()
            found = worker.schema_of(_surveyed(root, f"tool-{name}/run.py"))
            _same(found, _truth(root / f"tool-{name}", "M", "run"))


def test_what_stands_beside_a_file_hides_no_package(write_tree: Write) -> None:
    text = "from pydantic import BaseModel\nclass M(BaseModel):\n x: int\ndef f() -> M: ...\n"
    root = write_tree(
        {
            "pyproject.toml": "",
            "shop/__init__.py": "",
            "shop/tools/run.py": text,  # a namespace package, or a folder of scripts
            "shop/tools/annotated_types.py": "",
            "app.py": f"from annotated_types import Gt\n{text}",
        }
    )
    with _worker(root) as worker:
        assert worker.schema_of(_surveyed(root, "shop/tools/run.py")) == worker.schema_of(
            _surveyed(root)
        )


def test_an_alias_in_quotes(write_tree: Write) -> None:
    root = write_tree(
        {
            "app.py": """
            from pydantic import BaseModel
            Form = "dict[str, Item]"
            class Item(BaseModel):
                x: int
            def f() -> list[Form]: ...
            """,
        }
    )
    _same(_schema(root), _truth(root, "list[dict[str, Item]]"))


def test_an_alias_in_quotes_in_the_brackets_of_another(write_tree: Write) -> None:
    text = "from typing import TypeVar\nfrom pydantic import BaseModel\n"
    text += "T = TypeVar('T')\nclass M(BaseModel): ...\nMany = 'list[M]'\n"
    text += "Pair = tuple[T, T]\ndef f() -> Pair[Many]: ...\n"
    root = write_tree({"app.py": text})
    _same(_schema(root), _truth(root, "tuple[list[M], list[M]]"))


def test_a_field_named_as_a_builtin_type(write_tree: Write) -> None:
    root = write_tree(
        {
            "app.py": """
            from __future__ import annotations
            from dataclasses import dataclass
            from pydantic import BaseModel
            class Item(BaseModel):
                x: int
            @dataclass
            class Shelf:
                list: str = "long"
                def f(self) -> list[Item]: ...
            """,
        }
    )
    _same(_schema(root, function="Shelf.f"), _truth(root, "list[Item]"))


def test_a_module_with_the_name_of_one_of_pythons(write_tree: Write) -> None:
    root = write_tree({
        "pyproject.toml": "",
        "email.py": """
            from __future__ import annotations
            from pydantic import BaseModel
            class M(BaseModel):
                parts: list[Part]
            class Part(BaseModel):
                x: int
            def f() -> M: ...
            """,
    })  # fmt: skip
    found = _schema(root, "email.py")
    (root / "email.py").rename(root / "mail.py")
    _same(found, _truth(root, "M", "mail"))


def test_a_script_with_the_name_of_a_module(write_tree: Write) -> None:
    text = "from pydantic import BaseModel\nclass {0}(BaseModel):\n x: int\ndef f() -> {0}: ..."
    root = write_tree({
        "pyproject.toml": "",
        "run.py": text.format("One"),
        "my-tools/run.py": text.format("Two"),
    })  # fmt: skip
    with _worker(root) as worker:
        assert worker.schema_of(_surveyed(root, "my-tools/run.py"))["title"] == "Two"
        assert worker.schema_of(_surveyed(root, "run.py"))["title"] == "One"


def test_relative_imports_work_in_a_root_that_has_an_init_file(write_tree: Write) -> None:
    root = write_tree({
        "pyproject.toml": "",
        "__init__.py": "from .models import Item\ndef f() -> Item: ...",
        "models.py": "from pydantic import BaseModel\nclass Item(BaseModel):\n x: int",
        "app.py": "from . import models\nfrom .models import *\ndef f() -> models.Item | Item: ...",
        "shop/__init__.py": "",
        "shop/app.py": "from ..models import Item\ndef f() -> Item: ...",
    })  # fmt: skip
    item = _truth(root, "Item", "models")
    assert _schema(root, "__init__.py") == item
    assert _schema(root, "app.py") == item
    assert _schema(root, "shop/app.py") == item


def test_an_interpreter_that_is_not_there(write_tree: Write) -> None:
    root = write_tree({"good.py": _GOOD})
    with (
        _worker(root, python=str(root / "python")) as worker,
        pytest.raises(ConfigError, match=r"cannot run the interpreter .*python: "),
    ):
        worker.schema_of(_surveyed(root, "good.py", "good"))


def test_an_interpreter_without_pydantic(write_tree: Write) -> None:
    root = write_tree({"good.py": _GOOD})
    venv.create(root / ".venv", symlinks=True)
    (python,) = [path for path in (root / ".venv").glob("*/python*") if path.stem == "python"]
    with (
        _worker(root, python=str(python)) as worker,
        pytest.raises(SchemaError, match=r"needs the package pydantic, which .* does not have"),
    ):
        worker.schema_of(_surveyed(root, "good.py", "good"))


def test_the_projects_folder_is_where_types_are_evaluated(write_tree: Write) -> None:
    app = """
        from pathlib import Path
        from pydantic import BaseModel
        class M(BaseModel):
            x: str = Path("hint.txt").read_text()
        def f() -> M: ...
        """
    root = write_tree({"app.py": app, "hint.txt": "from here"})
    assert _schema(root)["properties"]["x"]["default"] == "from here"


def test_what_dataclasses_looks_for_in_the_namespace_is_there(
    write_tree: Callable[[Mapping[str, str]], Path],
) -> None:
    root = write_tree({
        "app.py": """
            from __future__ import annotations
            import dataclasses, typing
            from dataclasses import KW_ONLY, InitVar, dataclass
            from typing import ClassVar
            from pydantic import BaseModel

            @dataclass
            class Inner:
                x: int = 0
                _: KW_ONLY
                y: str
                z: ClassVar[int]
                seen: typing.ClassVar[int]
                given: InitVar[int]

            class M(BaseModel):
                inner: Inner

            def f() -> M: ...
            """
    })  # fmt: skip
    _same(_schema(root), _truth(root, "M"))
