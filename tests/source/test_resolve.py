"""Is an annotation a Pydantic type, whatever road its names take?"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.source import files, modules
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver
from distilgen.source.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Write = Callable[[Mapping[str, str | bytes]], Path]

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")

_SHOP = {
    "shop/__init__.py": "",
    "shop/models.py": """
        from pydantic import BaseModel

        class Item(BaseModel):
            name: str

        class Plain:
            pass

        class _Hidden(BaseModel):
            name: str
        """,
    "shop/plain.py": """
        from datetime import date

        Day = date | None
        """,
}
"""What every row's project has; `shop/web/app.py` is the row's."""


def _verdict(
    write_tree: Write,
    app: str,
    annotation: str,
    others: Mapping[str, str] | None = None,
    classes: tuple[str, ...] = (),
) -> Verdict:
    tree = {**_SHOP, "shop/web/__init__.py": "", "shop/web/app.py": app, **(others or {})}
    roots = modules.import_roots(write_tree(tree))
    installed = tuple(Path(path) for path in sys.path if Path(path).is_dir())
    resolver = Resolver(Index(roots, installed))
    facts = resolver.index.of_file(files.read(roots[-1] / "shop/web/app.py"))
    return resolver.classify(annotation, facts, classes)


@pytest.mark.parametrize(
    ("app", "annotation"),
    [
        pytest.param("from shop.models import Item", "Item", id="from import"),
        pytest.param("from shop.models import Item as Z", "Z", id="from import as"),
        pytest.param("import shop.models", "shop.models.Item", id="import of a submodule"),
        pytest.param("import shop.models as m", "m.Item", id="import as"),
        pytest.param("import shop", "shop.models.Item", id="a submodule that others import"),
        pytest.param("from shop import models", "models.Item", id="a module from its package"),
        pytest.param("from shop import models as m", "m.Item", id="a module under another name"),
        pytest.param("from ..models import Item", "Item", id="relative"),
        pytest.param("from .. import models", "models.Item", id="a module, relative"),
        pytest.param("from shop.models import *", "Item", id="star import"),
        pytest.param("from ..models import *", "Item", id="relative star import"),
        pytest.param("from shop.models import Item", "'Item'", id="in quotes"),
        pytest.param("from shop.models import Item", "'list[\"Item\"]'", id="in quotes in quotes"),
        pytest.param("from shop.models import Item", "(\n  Item  # why\n)", id="over lines"),
        pytest.param(
            "if TYPE_CHECKING:\n from shop.models import Item",
            "'Item'",
            id="for type checkers only",
        ),
        pytest.param(
            "try:\n from gone import Item\nexcept ImportError:\n from shop.models import Item",
            "Item",
            id="the second of a try",
        ),
        pytest.param(
            "from shop.models import Item\n"
            "try:\n from gone import P\nexcept ImportError:\n from shop.plain import Day as P",
            "tuple[Item, P]",
            id="beside what is imported in the place of a missing package",
        ),
        pytest.param(
            "from pydantic import Field\nfrom shop.models import Item\n"
            "A = Item\nA = Annotated[list[Item], Field(min_length=1)]",
            "A",
            id="bound anew, with a call in it",
        ),
        pytest.param(
            "try:\n from shop.models import Item\nexcept ImportError:\n Item = None",
            "Item",
            id="the first of a try",
        ),
        pytest.param("import shop.models as m\nItem = m.Item", "Item", id="assigned"),
        pytest.param(
            "from shop.models import Item\nItems = list[Item]", "Items", id="alias by assignment"
        ),
        pytest.param(
            "from shop.models import Item\nItems: TypeAlias = 'list[Item]'",
            "Items | None",
            id="alias by TypeAlias",
        ),
        pytest.param(
            "from shop.models import Item\ntype Items = list[Item]",
            "Items",
            id="alias by type statement",
            marks=_PEP_695,
        ),
        pytest.param(
            "from shop.models import Item\nA = Item\nB = A | None\nC = list[B]", "C", id="aliases"
        ),
        pytest.param(
            "from typing import NewType\nfrom shop.models import Item\nN = NewType('N', Item)",
            "N",
            id="NewType",
        ),
        pytest.param(
            "import typing as t\nfrom shop.models import Item\nN = t.NewType('N', 'Item')",
            "N",
            id="NewType of a quoted name",
        ),
        pytest.param(
            "from typing import TypeVar\nfrom shop.models import Item\nT = TypeVar('T')\n"
            "Pair = tuple[T, T]",
            "Pair[Item]",
            id="generic alias",
        ),
        pytest.param(
            "from typing import TypeVar\nfrom shop.models import Item\nT = TypeVar('T')\n"
            "Either = T | Item\nMany = list[Either[T]]",
            "Many[int]",
            id="generic alias of a generic alias",
        ),
        pytest.param(
            "from shop.models import Item\ntype Pair[T] = tuple[T, T]",
            "Pair[Item]",
            id="generic type statement",
            marks=_PEP_695,
        ),
        pytest.param(
            "from shop.models import Item\ntype Tree = Item | list[Tree]",
            "Tree",
            id="recursive type statement",
            marks=_PEP_695,
        ),
        pytest.param(
            "from typing_extensions import TypeAliasType\nfrom shop.models import Item\n"
            "Items = TypeAliasType('Items', 'list[Item]')",
            "Items",
            id="TypeAliasType",
        ),
        pytest.param(
            "from typing import Literal as L\nfrom shop.models import Item",
            "Item | L['a b', 'c']",
            id="Literal by another name",
        ),
        pytest.param(
            "import typing_extensions as te\nfrom shop.models import Item",
            "te.Annotated[Item, 'a b']",
            id="Annotated by another name",
        ),
        pytest.param(
            "from shop.models import Item\nfrom pydantic import conlist",
            "conlist(Item, min_length=1)",
            id="conlist",
        ),
        pytest.param(
            "import sys\nif sys.version_info >= (3, 11):\n from shop.models import Item\n"
            "else:\n from gone import Item",
            "Item",
            id="by Python's version",
        ),
        pytest.param(
            "import shop.models as m\nShop = m", "Shop.Item", id="a module under a second name"
        ),
        pytest.param(
            "from shop.models import Item\nItem = decorated(Item)", "Item", id="made of itself"
        ),
        pytest.param(
            "from shop.models import Item\nBoth = Item if x else None", "Both", id="if expression"
        ),
        pytest.param(
            "from typing import *\nfrom shop.models import Item",
            "Optional[List[Item]]",
            id="typing by a star",
        ),
    ],
)
def test_roads_to_a_model(write_tree: Write, app: str, annotation: str) -> None:
    assert _verdict(write_tree, app, annotation) == Verdict("model")


@pytest.mark.parametrize(
    "annotation",
    [
        "Optional[Item]",
        "t.Optional[Item]",
        "Item | None",
        "None | 'Item'",
        "Union[Item, Other]",
        "Union[Item, str, None]",
        "list[Item]",
        "List['Item']",
        "tuple[Item, ...]",
        "tuple[str, Item]",
        "set[Item]",
        "frozenset[Item]",
        "dict[str, Item]",
        "Dict[str, list[Item]]",
        "abc.Sequence[Item]",
        "Mapping[str, Item]",
        "Annotated[Item, 'any text: it is no type']",
        "Annotated[list[Item] | None, Field(description='all of them')]",
        "list[Annotated[Item, 1]]",
        "dict[Literal['a b', 'c'], Item]",
        "tuple[Item, date, UUID, Decimal, Path]",
        "Page[Item]",
        "Page[str]",
        "Page[list[Item]]",
        "Page[Item] | None",
    ],
)
def test_types_that_hold_models(write_tree: Write, annotation: str) -> None:
    app = """
        import typing as t
        from collections import abc
        from collections.abc import Mapping
        from datetime import date
        from decimal import Decimal
        from pathlib import Path
        from typing import Annotated, Dict, Generic, List, Literal, Optional, TypeVar, Union
        from uuid import UUID
        from pydantic import BaseModel, Field
        from ..models import Item

        T = TypeVar("T")
        class Other(Item): ...
        class Page(BaseModel, Generic[T]):
            items: list[T]
        """
    assert _verdict(write_tree, app, annotation) == Verdict("model")


@pytest.mark.parametrize(
    "app",
    [
        pytest.param("import pydantic\nclass M(pydantic.BaseModel): ...", id="dotted base"),
        pytest.param(
            "import pydantic as p\nclass M(p.BaseModel): ...", id="base of a named module"
        ),
        pytest.param(
            "from pydantic import *\nclass M(BaseModel): ...", id="base from a star import"
        ),
        pytest.param(
            "from pydantic.main import BaseModel\nclass M(BaseModel): ...", id="from main"
        ),
        pytest.param(
            "from pydantic import RootModel\nclass M(RootModel[str]): ...", id="RootModel"
        ),
        pytest.param(
            "from pydantic import RootModel\nM = RootModel[list[str]]", id="RootModel alias"
        ),
        pytest.param("from sqlmodel import SQLModel\nclass M(SQLModel): ...", id="not installed"),
        pytest.param(
            "from pydantic.dataclasses import dataclass\n@dataclass\nclass M: ...",
            id="pydantic dataclass",
        ),
        pytest.param(
            "from pydantic import dataclasses as d\n@d.dataclass(frozen=True)\nclass M: ...",
            id="pydantic dataclass by its module",
        ),
        pytest.param(
            "from pydantic import create_model\nM = create_model('M', a=(int, ...))",
            id="create_model",
        ),
        pytest.param(
            "from pydantic import create_model, Field\n"
            "M = create_model('An answer', a=(str, Field(description='What it says.')))",
            id="create_model with strings that are no types",
        ),
        pytest.param(
            "from shop.models import Item\nclass A(Item): ...\nclass B(A): ...\nclass M(B): ...",
            id="several steps up",
        ),
        pytest.param(
            "from pydantic import BaseModel\nBase = BaseModel\nclass M(Base): ...",
            id="base under another name",
        ),
        pytest.param(
            "from pydantic import create_model\nBase = create_model('Base')\nclass M(Base): ...",
            id="base from create_model",
        ),
        pytest.param(
            "from typing import Generic, TypeVar\nfrom shop.models import Item\n"
            "T = TypeVar('T')\nclass P(Item, Generic[T]): ...\nclass M(P[str]): ...",
            id="generic base",
        ),
        pytest.param(
            "from shop.models import Item\nBase = Item\nclass P(Base): ...\nIntP = P\n"
            "class M(IntP): ...",
            id="aliases between",
        ),
        pytest.param(
            "from pydantic import BaseModel\nclass P[T](BaseModel):\n x: T\nclass M(P[str]): ...",
            id="generic by brackets",
            marks=_PEP_695,
        ),
        pytest.param("from shop.models import Item, Plain\nclass M(Plain, Item): ...", id="mixin"),
        pytest.param(
            "from dataclasses import dataclass\nfrom shop.models import Item\n"
            "@dataclass\nclass D: ...\nclass M(D, Item): ...",
            id="mixin with a schema of its own",
        ),
        pytest.param("from openai import BaseModel\nclass M(BaseModel): ...", id="installed base"),
        pytest.param("from openai.types.chat import ChatCompletion as M", id="installed model"),
        pytest.param("import openai.types.chat as c\nM = c.ChatCompletion", id="by its module"),
        pytest.param(
            "from shop.models import Item\nif x:\n class M(Item): ...\nelse:\n class M: ...",
            id="the first of two classes",
        ),
        pytest.param(
            "from shop.models import Item\nif x:\n class M: ...\nelse:\n class M(Item): ...",
            id="the second of two classes",
        ),
        pytest.param(
            "from shop.models import Item\nbases = (Item,)\nclass M(Item, *bases): ...",
            id="bases that are unpacked",
        ),
        pytest.param(
            "from shop.models import Item\nclass M(Item, metaclass=Meta, extra='forbid'): ...",
            id="keywords",
        ),
        pytest.param(
            "from pydantic import create_model\nfrom shop.models import Item\n"
            "M = create_model('M', __base__=Item, a=(int, ...))",
            id="create_model with a base",
        ),
        pytest.param(
            "from pydantic import create_model\nclass M(create_model('B', a=(int, ...))): ...",
            id="base that create_model makes",
        ),
        pytest.param(
            "from dataclasses import dataclass\nfrom shop.models import Item\n"
            "@dataclass\nclass M:\n a: int\n b: 'list[Item]'",
            id="dataclass with a model",
        ),
        pytest.param(
            "import dataclasses as dc\nfrom shop.models import Item\n"
            "@dc.dataclass(slots=True)\nclass B:\n b: Item\n"
            "@dc.dataclass\nclass M(B):\n m: list['M']",
            id="dataclass of a dataclass with a model",
        ),
        pytest.param(
            "from typing import NamedTuple\nfrom shop.models import Item\n"
            "class M(NamedTuple):\n a: Item | None",
            id="NamedTuple with a model",
        ),
        pytest.param(
            "from typing import TypedDict, NotRequired\nfrom shop.models import Item\n"
            "class B(TypedDict, total=False):\n a: NotRequired[Item]\nclass M(B):\n b: int",
            id="TypedDict with a model",
        ),
        pytest.param(
            "from typing_extensions import TypedDict\nfrom shop.models import Item\n"
            "M = TypedDict('M', {'a b': int, 'c': 'Item'})",
            id="TypedDict by a call",
        ),
        pytest.param(
            "from typing import NamedTuple\nfrom shop.models import Item\n"
            "M = NamedTuple('M', [('a', Item)])",
            id="NamedTuple by a call",
        ),
        pytest.param(
            "from shop.models import Item\nclass A:\n class Inner(Item): ...\n"
            "class B(A): ...\nM = B.Inner",
            id="inherited nested class",
        ),
        pytest.param(
            "try:\n from pydantic import BaseModel\nexcept ImportError:\n BaseModel = object\n"
            "class M(BaseModel): ...",
            id="base by try",
        ),
    ],
)
def test_what_makes_a_class_a_model(write_tree: Write, app: str) -> None:
    assert _verdict(write_tree, app, "M") == Verdict("model")


@pytest.mark.parametrize(
    ("others", "app", "annotation"),
    [
        pytest.param(
            {"shop/__init__.py": "from .models import Item"},
            "from shop import Item",
            "Item",
            id="exported by the package",
        ),
        pytest.param(
            {"shop/__init__.py": "from . import models as m\nfrom .models import Item as Thing"},
            "import shop",
            "shop.Thing | shop.m.Item",
            id="exported under other names",
        ),
        pytest.param(
            {"shop/api.py": "from .models import *", "shop/__init__.py": "from .api import *"},
            "from shop import *",
            "Item",
            id="stars over stars",
        ),
        pytest.param(
            {"shop/api.py": "__all__ = ['_Hidden']\nfrom .models import Item, _Hidden"},
            "from shop.api import *",
            "_Hidden",
            id="star with a private name in __all__",
        ),
        pytest.param(
            {"shop/api.py": "from . import more\nfrom .models import Item\n"
                            "__all__ = ['x']\n__all__ += more.names"},
            "from shop.api import *",
            "Item",
            id="star with an __all__ that is computed",
        ),
        pytest.param(
            {
                "shop/web/a.py": "from .b import *\nclass A(Base): ...",
                "shop/web/b.py": "from .a import *\nfrom ..models import Item as Base",
            },
            "from .a import A",
            "A",
            id="stars in a circle",
        ),
        pytest.param(
            {"libs/common/deep.py": "from pydantic import BaseModel\nclass Deep(BaseModel): ..."},
            "import libs.common.deep\nfrom libs.common import deep",
            "libs.common.deep.Deep | deep.Deep",
            id="namespace packages",
        ),
        pytest.param(
            {"src/lib/__init__.py": "from pydantic import BaseModel as B\nclass Deep(B): ..."},
            "from lib import Deep",
            "Deep",
            id="another root",
        ),
        pytest.param(
            {"shop/web/deep/er/mod.py": "from ....models import Item"},
            "from .deep.er.mod import Item",
            "Item",
            id="relative at depth",
        ),
        pytest.param(
            {"shop/api.py": "from . import more\nfrom .models import Item, _Hidden\n"
                            "__all__ = more.__all__ + ['_Hidden']",
             "shop/more.py": "__all__ = ['more']"},
            "from shop.api import *",
            "_Hidden",
            id="private name in an __all__ that is a sum",
        ),
        pytest.param(
            {"shop/api.py": "from .models import Item, _Hidden\n"
                            "__all__ = []\n__all__.extend(['_Hidden'])"},
            "from shop.api import *",
            "_Hidden",
            id="private name in an __all__ that is extended",
        ),
        pytest.param(
            {"shop/api.py": "from . import more\nfrom .models import Item, _Hidden\n"
                            "__all__ = more.names\ntry:\n import x\n __all__ += ['_Hidden']\n"
                            "except ImportError:\n pass",
             "shop/more.py": "names = []"},
            "from shop.api import *",
            "_Hidden",
            id="private name in an __all__ that is extended in a try",
        ),
        pytest.param(
            {"shop/api.py": "from .models import Plain as Item\n__all__ = []\n__all__ += ['x']"},
            "from shop.models import *\nfrom shop.api import *",
            "Item",
            id="the last of two stars, but for what its __all__ adds up to",
        ),
        pytest.param(
            {"kit/__init__.py": "from .sub import *", "kit/sub/__init__.py": "",
             "kit/sub/models.py": "", "kit/models.py": "from shop.models import Item",
             "kit/app.py": "from . import models"},
            "from kit import models\nfrom kit.app import models as m\nimport kit",
            "models.Item | m.Item | kit.models.Item",
            id="a module in a package with a star that has one",
        ),
        pytest.param(
            {"kit/__init__.py": "from .sub import *", "kit/sub/__init__.py": "",
             "kit/sub/models.py": "from shop.models import Item"},
            "from kit import models",
            "models.Item",
            id="a module that a star brings",
        ),
        pytest.param(
            {"shop/api.py": "class Item: ...", "shop/late.py": "from .models import *"},
            "from shop.api import *\nfrom shop.late import *",
            "Item",
            id="the last of two stars",
        ),
        pytest.param(
            {"queue.py": "from shop.models import Item"},
            "from queue import Item",
            "Item",
            id="a module named as one of Python's",
        ),
        pytest.param(
            {"shop/types/__init__.py": "from shop.models import Item"},
            "from ..types import Item\nimport shop.types",
            "Item | shop.types.Item",
            id="a package in the package named as one of Python's",
        ),
        pytest.param(
            {"shop/lazy.py": "_TABLE = {'Item': '.models', 'More': ('.models', 'Item')}\n"
                             "_LISTS = {'models': ['Other']}\ndef __getattr__(name): ..."},
            "from shop.lazy import Item, More",
            "Item | More",
            id="names by a table of __getattr__",
        ),
        pytest.param(
            {"shop/lazy.py": "_LISTS = {'models': ['Item']}\ndef __getattr__(name): ..."},
            "from shop import lazy",
            "lazy.Item",
            id="names by a table of modules",
        ),
        pytest.param(
            {
                "kit/__init__.py": "def __getattr__(name: str):\n"
                " if name == 'Other':\n  from .plain import Other\n  return Other\n"
                " elif name == 'Late':\n  from .late import Item as found\n  return found\n"
                " raise AttributeError(name)",
                "kit/late.py": "from shop.models import Item",
            },
            "from kit import Late",
            "Late",
            id="imported by __getattr__",
        ),
        pytest.param(
            {"pydantic/__init__.py": "nothing = 1"},
            "from shop.models import Item",
            "Item",
            id="pydantic is pydantic",
        ),
    ],
)  # fmt: skip
def test_roads_through_other_files(
    write_tree: Write, others: dict[str, str], app: str, annotation: str
) -> None:
    assert _verdict(write_tree, app, annotation, others) == Verdict("model")


_NESTED = """
    from pydantic import BaseModel
    from ..models import Item

    class Service:
        class Answer(BaseModel):
            class Part(BaseModel): ...
        Alias = Answer
        def Item(self): ...
    class Other:
        class Service: ...
    """


@pytest.mark.parametrize(
    ("annotation", "classes"),
    [
        pytest.param("Service.Answer", (), id="dotted"),
        pytest.param("Service.Answer.Part", (), id="dotted twice"),
        pytest.param("Service.Alias", (), id="alias in a class"),
        pytest.param("Answer", ("Service",), id="in its class"),
        pytest.param("Answer.Part", ("Service",), id="in its class, dotted"),
        pytest.param("Part", ("Service", "Answer"), id="in a class in a class"),
        pytest.param("Alias", ("Service",), id="alias in its class"),
        pytest.param("Item", ("Service",), id="a method does not hide a type"),
    ],
)
def test_nested_classes(write_tree: Write, annotation: str, classes: tuple[str, ...]) -> None:
    assert _verdict(write_tree, _NESTED, annotation, classes=classes) == Verdict("model")


def test_the_scope_of_a_class_ends_at_its_own_body(write_tree: Write) -> None:
    found = _verdict(write_tree, _NESTED, "Answer", classes=("Service", "Answer"))
    assert found == Verdict("other", "nothing in shop.web.app binds the name Answer")


@pytest.mark.parametrize(
    "annotation",
    [
        "str",
        "None",
        "dict[str, Any]",
        "list[tuple[int, ...]]",
        "Literal['a b']",
        "Color",
        "Row",
        "Record",
        "Point",
        "date | None",
        "EmailStr",
        "list",
        "UserId",
    ],
)
def test_plain_values(write_tree: Write, annotation: str) -> None:
    app = """
        from dataclasses import dataclass
        from datetime import date
        from enum import Enum
        from typing import Any, Literal, NamedTuple, NewType, TypedDict
        from pydantic import EmailStr

        class Color(str, Enum): ...
        class Row(TypedDict): ...
        class Record(NamedTuple): ...
        @dataclass(slots=True)
        class Point: ...
        UserId = NewType("UserId", int)
        """
    assert _verdict(write_tree, app, annotation) == Verdict("plain")


@pytest.mark.parametrize(
    ("app", "annotation", "why"),
    [
        pytest.param(
            "",
            "Gone",
            "nothing in shop.web.app binds the name Gone",
            id="a name that nobody binds",
        ),
        pytest.param("", "list[", "its return annotation does not parse", id="no expression"),
        pytest.param("", "'a b'", "its return annotation does not parse", id="quotes, no type"),
        pytest.param("", "3", "returns 3, which is no type", id="a number"),
        pytest.param("", "f()", "returns f(), which is no type", id="a call"),
        pytest.param("", "f().x", "f() is no name", id="what a call returns"),
        pytest.param(
            "from gone import Item",
            "Item",
            "cannot find module gone: is its environment active?",
            id="missing module",
        ),
        pytest.param(
            "import gone.models",
            "gone.models.Item",
            "cannot find module gone: is its environment active?",
            id="missing package",
        ),
        pytest.param(
            "from shop.models import Gone",
            "Gone",
            "module shop.models has no Gone",
            id="missing name",
        ),
        pytest.param(
            "from shop.models import Item",
            "Item.Gone",
            "class Item has no Gone",
            id="missing attribute",
        ),
        pytest.param(
            "from ....models import Item",
            "Item",
            "a relative import in shop.web.app leads out of its package",
            id="import from above the root",
        ),
        pytest.param(
            "from shop.models import *",
            "_Hidden",
            "nothing in shop.web.app binds the name _Hidden",
            id="private names and stars",
        ),
        pytest.param(
            "from shop.models import Item", "type[Item]", "returns type[…]", id="class of a model"
        ),
        pytest.param(
            "from collections.abc import Callable\nfrom shop.models import Item",
            "Callable[[], Item]",
            "returns Callable[…]",
            id="function that gives a model",
        ),
        pytest.param(
            "from typing import Self", "Self", "returns Self outside of a class", id="Self"
        ),
        pytest.param("import numpy as np", "np", "returns numpy, which is a module", id="module"),
        pytest.param("def g(): ...", "g", "returns g, which is a function", id="function"),
        pytest.param(
            "g = f(1)", "g", "returns g, which is no type we can follow", id="what a call gave"
        ),
        pytest.param(
            "a, b = f(1)", "a", "returns a, which is no type we can follow", id="unpacked"
        ),
        pytest.param("A = B\nB = A", "A", "the type A is defined in terms of itself", id="circle"),
        pytest.param(
            "A = list['A']", "A", "the type A is defined in terms of itself", id="recursive alias"
        ),
        pytest.param(
            "class A(B): ...\nclass B(A): ...",
            "A",
            "returns A, which is no Pydantic type",
            id="bases in a circle",
        ),
        pytest.param(
            "from missing import Base\nclass A(Base): ...",
            "A",
            "returns A, which is no Pydantic type; "
            "cannot find module missing: is its environment active?",
            id="base from a missing module",
        ),
        pytest.param(
            "def g(*b):\n class A(*b): ...\nclass M(*g()): ...",
            "M",
            "returns M, which is no Pydantic type",
            id="bases that nobody can read",
        ),
        pytest.param(
            "class Shape:\n class Item: ...\nfrom shop.models import Item",
            "Shape.Item",
            "returns Shape.Item, which is no Pydantic type",
            id="namesake in a class",
        ),
        pytest.param(
            "import queue\nfrom shop.models import Item",
            "queue.Queue[Item]",
            "returns Queue",
            id="container without a schema",
        ),
        pytest.param(
            "from openai import OpenAI", "OpenAI", "returns OpenAI, which is no Pydantic type",
            id="installed class",
        ),
    ],
)  # fmt: skip
def test_why_not(write_tree: Write, app: str, annotation: str, why: str) -> None:
    assert _verdict(write_tree, app, annotation) == Verdict("other", why)


_VARIABLES = """
    from typing import Generic, TypeVar
    from pydantic import BaseModel
    from ..models import Item, Plain

    Any_ = TypeVar("Any_")
    Bound = TypeVar("Bound", bound=Item)
    Late = TypeVar("Late", bound="list[Item]")
    One = TypeVar("One", Plain, Item)
    Broken = TypeVar("Broken", bound="a.b | c d")
    class Page(BaseModel, Generic[Any_]): ...
    Pages = list[Page[Any_]]
    """


@pytest.mark.parametrize(
    ("annotation", "why", "mixed"),
    [
        ("Any_", "returns the type variable Any_", False),
        ("list[Any_]", "returns the type variable Any_", False),
        ("Broken", "returns the type variable Broken", False),
        ("Bound", "returns the type variable Bound", True),
        ("dict[str, Late]", "returns the type variable Late", True),
        ("One | None", "returns the type variable One", True),
        ("Page[Any_]", "returns the type variable Any_", True),
        ("Pages[Any_]", "returns the type variable Any_", True),
        ("Item | Any_", "returns the type variable Any_", True),
    ],
)
def test_type_variables(write_tree: Write, annotation: str, why: str, *, mixed: bool) -> None:
    assert _verdict(write_tree, _VARIABLES, annotation) == Verdict("variable", why, mixed)


_ALIASES = """
    from collections.abc import Awaitable, Callable
    from typing import Generic, TypeVar, Union
    from typing_extensions import TypeAliasType
    from ..models import Item, Plain

    A = TypeVar("A")
    B = TypeVar("B", bound=Item)
    Maybe = Union[A, None]
    Twice = dict[str, Maybe[A]]
    Handler = Callable[[A], None]
    Later = Union[Awaitable[A], A]
    Second = tuple[type[B], A]
    Named = TypeAliasType("Named", list[A], type_params=(B, A))
    Loop = Union[A, Callable[[], None], list["Loop[A]"]]
    class Own(Generic[A]):
        @classmethod
        def __get_pydantic_core_schema__(cls, source, handler): ...
    class Kept(Own[A]): ...
    class Other(Generic[A]): ...
    Also = Other
    """


@pytest.mark.parametrize(
    ("annotation", "kind", "mixed"),
    [
        ("Maybe[Item]", "model", False),
        ("Maybe[int]", "plain", False),
        ("Maybe[B]", "variable", True),
        ("Twice[Item]", "model", False),
        ("Handler[Item]", "other", False),
        ("list[Handler[Item]]", "other", False),
        ("Later[Item]", "other", True),
        ("Later[int]", "other", False),
        ("Second[Item, int]", "other", False),
        ("Second[int, Item]", "other", True),
        ("Named[Item, int]", "plain", False),
        ("Named[int, Item]", "model", False),
        ("Loop[Item]", "other", True),
        ("Own[Item]", "plain", False),
        ("Kept[Item]", "plain", False),
        ("Also[Item]", "other", False),
    ],
)
def test_what_stands_in_the_brackets_of_an_alias(
    write_tree: Write, annotation: str, kind: str, *, mixed: bool
) -> None:
    verdict = _verdict(write_tree, _ALIASES, annotation)
    assert (verdict.kind, verdict.mixed) == (kind, mixed)


def test_a_field_does_not_hide_a_builtin_type(write_tree: Write) -> None:
    app = "from shop.models import Item\nclass Shelf:\n list = Field()\n set = Item\n"
    assert _verdict(write_tree, app, "list[Item]", classes=("Shelf",)).kind == "model"
    assert _verdict(write_tree, app, "set", classes=("Shelf",)).kind == "model"


@pytest.mark.parametrize(
    ("app", "annotation", "why"),
    [
        pytest.param(
            "from pydantic import BaseModel",
            "list[BaseModel]",
            "returns BaseModel itself, which has no fields to learn",
            id="BaseModel",
        ),
        pytest.param(
            "from shop.models import Item, Plain",
            "dict[str, list[Item | Plain]]",
            "returns Plain, which is no Pydantic type",
            id="another class",
        ),
        pytest.param(
            "from shop.models import Item\nfrom collections.abc import Callable",
            "Item | Callable[[], Item]",
            "returns Callable[…]",
            id="a function",
        ),
        pytest.param(
            "from shop.models import Item\nfrom collections.abc import Iterator",
            "tuple[int, Iterator[Item]]",
            "returns Iterator[…]",
            id="an iterator",
        ),
        pytest.param(
            "from shop.models import Item, Plain\nfrom dataclasses import dataclass\n"
            "@dataclass\nclass D:\n item: Item\n plain: Plain",
            "D",
            "returns D, whose field plain has Plain, which is no Pydantic type",
            id="a field",
        ),
        pytest.param(
            "from gone import Gone\nfrom shop.models import Item",
            "Item | Gone",
            "cannot find module gone: is its environment active?",
            id="a missing module",
        ),
        pytest.param(
            "from dataclasses import dataclass\nfrom shop.models import Item, Plain\n"
            "@dataclass\nclass D:\n x: Plain",
            "Item | D",
            "returns D, whose field x has Plain, which is no Pydantic type",
            id="a dataclass of it",
        ),
    ],
)
def test_models_beside_what_has_no_schema(
    write_tree: Write, app: str, annotation: str, why: str
) -> None:
    assert _verdict(write_tree, app, annotation) == Verdict("other", why, mixed=True)


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        pytest.param("Item = 1\nfrom shop.models import Item", "model", id="import over a value"),
        pytest.param(
            "from shop.models import Item\nclass Item: ...", "other", id="class over an import"
        ),
        pytest.param(
            "if TYPE_CHECKING:\n from shop.models import Item\nelse:\n Item = dict",
            "plain",
            id="not for type checkers",
        ),
        pytest.param(
            "if TYPE_CHECKING:\n Item = dict\nelse:\n from shop.models import Item",
            "model",
            id="but for type checkers",
        ),
        pytest.param(
            "try:\n from gone import Item\nexcept ImportError:\n Item = None",
            "other",
            id="missing or nothing",
        ),
        pytest.param(
            "if TYPE_CHECKING:\n from shop.models import Item\nelse:\n Item = lazy('shop.models')",
            "model",
            id="made by a call, but for type checkers",
        ),
        pytest.param(
            "from shop.models import Item as I, Plain\nOne = I | Plain\n"
            "try:\n Item = One\nexcept NameError:\n Item = int",
            "other",
            id="a model beside what has no schema, or no model",
        ),
        pytest.param(
            "try:\n from shop.models import Plain as Item\nexcept ImportError:\n Item = None",
            "other",
            id="no model, or nothing where that is missing",
        ),
        pytest.param("from shop.models import Item as list\nItem = list", "model", id="builtin"),
        pytest.param("class str: ...\nItem = str", "other", id="hidden builtin"),
    ],
)
def test_names_bound_more_than_once(write_tree: Write, app: str, kind: str) -> None:
    assert _verdict(write_tree, app, "Item").kind == kind


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [("Self", "model"), ("te.Self | None", "model"), ("'list[Self]'", "model")],
)
def test_self(write_tree: Write, annotation: str, kind: str) -> None:
    app = """
        import typing_extensions as te
        from typing import Self
        from ..models import Item
        class M(Item): ...
        class Plain: ...
        """
    assert _verdict(write_tree, app, annotation, classes=("M",)).kind == kind
    assert _verdict(write_tree, app, annotation, classes=("Plain",)).kind == "other"


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(
            {"shop/web/a.py": "from .b import A", "shop/web/b.py": "from .a import A"}, id="names"
        ),
        pytest.param(
            {"shop/web/a.py": "from .b import *", "shop/web/b.py": "from .a import *"}, id="stars"
        ),
        pytest.param(
            {
                "shop/web/a.py": "from . import b\nclass A(b.B): ...",
                "shop/web/b.py": "from . import a\nclass B(a.A): ...",
            },
            id="bases",
        ),
        pytest.param(
            {
                "shop/web/a.py": "from . import b\nA = b.B",
                "shop/web/b.py": "from . import a\nB = a.A",
            },
            id="aliases",
        ),
    ],
)
def test_circles_of_imports_end(write_tree: Write, others: dict[str, str]) -> None:
    assert _verdict(write_tree, "from .a import A", "A", others).kind == "other"


def test_a_circle_of_imports_hides_no_model(write_tree: Write) -> None:
    others = {
        "shop/web/a.py": "from . import b\nclass A(b.B): ...",
        "shop/web/b.py": "from . import a\nfrom ..models import Item\nclass B(Item):\n x: a.A",
    }
    assert _verdict(write_tree, "from .a import A", "A", others) == Verdict("model")


@pytest.mark.parametrize(
    ("compiled", "app", "annotation", "module"),
    [
        pytest.param(
            "shop/_fast.cpython-311-darwin.so",
            "from shop._fast import Item",
            "Item",
            "shop._fast",
            id="a name from a submodule",
        ),
        pytest.param(
            "shop/_fast.pyd", "from shop import _fast", "_fast.Item", "shop._fast", id="submodule"
        ),
        pytest.param(
            "shop/_fast.abi3.so", "import shop._fast", "shop._fast.Item", "shop._fast", id="dotted"
        ),
        pytest.param(
            "shop/_fast.so", "from .._fast import *", "Item", "shop._fast", id="star import"
        ),
        pytest.param(
            "kit/impl.so", "from shop.all import Item", "Item", "kit", id="star import elsewhere"
        ),
        pytest.param("fast.so", "from fast import Item", "Item", "fast", id="at the top"),
        pytest.param("shop/web/fast.so", "from fast import Item", "Item", "fast", id="beside"),
        pytest.param(
            "kit/__init__.so", "from kit import Item", "Item", "kit", id="package by its init"
        ),
        pytest.param(
            "kit/impl.so", "from kit import Item", "Item", "kit", id="nothing but compiled"
        ),
        pytest.param(
            "kit/impl.so", "from kit import impl", "impl.Item", "kit.impl", id="in such a package"
        ),
    ],
)
def test_compiled_modules(
    write_tree: Write, compiled: str, app: str, annotation: str, module: str
) -> None:
    others = {compiled: "", f"{compiled[:4]}i.pyi": "", "shop/all.py": "from kit import *"}
    found = _verdict(write_tree, app, annotation, others)
    assert found == Verdict("other", f"module {module} is compiled: its source cannot be read")
    assert found.is_lost


def test_compiled_beside_its_source(write_tree: Write) -> None:
    found = _verdict(write_tree, "from ..models import Item", "Item", {"shop/models.so": ""})
    assert found == Verdict("model")


def test_a_module_that_does_not_parse_is_as_good_as_none(write_tree: Write) -> None:
    found = _verdict(write_tree, "from .a import A", "A", {"shop/web/a.py": "class A(:"})
    assert found == Verdict("other", "cannot find module shop.web.a: is its environment active?")


def test_scripts_find_what_stands_beside_them_and_do_not_mix(write_tree: Write) -> None:
    one = "from pydantic import BaseModel\nclass Answer(BaseModel): ..."
    two = "class Answer: ..."
    root = write_tree({
        "pyproject.toml": "",
        "tool-one/run.py": f"from kit import Kit\n{one}",
        "tool-one/kit.py": "from pydantic import BaseModel\nclass Kit(BaseModel): ...",
        "tool-two/run.py": f"from kit import Kit\n{two}",
        "tool-two/kit.py": "class Kit: ...",
    })  # fmt: skip
    resolver = Resolver(Index((root,)))
    found = {}
    for name in ("tool-one", "tool-two"):
        facts = resolver.index.of_file(files.read(root / name / "run.py"))
        found[name] = [resolver.classify(text, facts).kind for text in ("Answer", "Kit")]
    assert found == {"tool-one": ["model", "model"], "tool-two": ["other", "other"]}


def test_relative_imports_work_in_a_root_that_has_an_init_file(write_tree: Write) -> None:
    root = write_tree({
        "pyproject.toml": "",
        "__init__.py": "from .models import Item",
        "models.py": "from pydantic import BaseModel\nclass Item(BaseModel): ...",
        "app.py": "from .models import Item\nfrom . import models",
        "shop/__init__.py": "",
        "shop/app.py": "from ..models import Item\nfrom .. import models",
    })  # fmt: skip
    resolver = Resolver(Index((root,)))
    for name in ("app.py", "shop/app.py"):
        facts = resolver.index.of_file(files.read(root / name))
        assert resolver.classify("Item | models.Item", facts) == Verdict("model")
    facts = resolver.index.of_file(files.read(root / "__init__.py"))
    assert resolver.classify("Item", facts) == Verdict("model")


_BIG = {
    "chain of classes": (
        "from shop.models import Item\nclass C0(Item): ...\n"
        + "".join(f"class C{n}(C{n - 1}): ...\n" for n in range(1, 2000)),
        "C1999",
        Verdict("model"),
    ),
    "aliases that double": (
        "from shop.models import Item\nA0 = Item\n"
        + "".join(f"A{n} = dict[A{n - 1}, A{n - 1}]\n" for n in range(1, 60)),
        "A59",
        Verdict("model"),
    ),
    "many alternatives": (
        "from shop.models import Item\n",
        " | ".join(["Item"] * 500),
        Verdict("model"),
    ),
    "chain of aliases": (
        "A0 = int\n" + "".join(f"A{n} = A{n - 1}\n" for n in range(1, 3000)),
        "A2999",
        Verdict("other", "its return type is too big to follow"),
    ),
    "too many alternatives": (
        "",
        " | ".join(["int"] * 100_000),
        Verdict("other", "its return annotation does not parse"),
    ),
    "too deep": (
        "",
        "list[" * 5000 + "int" + "]" * 5000,
        Verdict("other", "its return annotation does not parse"),
    ),
}


@pytest.mark.parametrize(("app", "annotation", "verdict"), _BIG.values(), ids=_BIG)
def test_big_types_end(write_tree: Write, app: str, annotation: str, verdict: Verdict) -> None:
    start = time.process_time()
    assert _verdict(write_tree, app, annotation) == verdict
    assert time.process_time() - start < 10  # quadratic would be minutes
