"""The import of the sidecar: where it goes, how it is spelled, and how it is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.rewrite import imports

if TYPE_CHECKING:
    from tests.rewrite.conftest import Workbench

MODEL = "from .models import M\n"
OURS = "from . import _mail_distil as _distil\n"
OWN = "import shop._mail_distil as _distil\n"
BEFORE = "def f() -> M: return M()\n"
AFTER = "@_distil.f.record\ndef f() -> M: return M()\n"

PLACES = {
    "a section of its own behind the first block": (
        f"import a\n\nx = 1\n\n{MODEL}{BEFORE}",
        f"import a\n\n{OURS}\nx = 1\n\n{MODEL}{AFTER}",
    ),
    "above the relative imports of its level": (
        f"import a\n\nfrom .. import b\n{MODEL}\n\n{BEFORE}",
        f"import a\n\nfrom .. import b\n{OURS}{MODEL}\n\n{AFTER}",
    ),
    "amid the names of one statement, which isort would part": (
        f"import a\n\nfrom . import CONST, name\n{MODEL}{BEFORE}",
        f"import a\n\n{OWN}\nfrom . import CONST, name\n{MODEL}{AFTER}",
    ),
    "between names of its package": (
        f"from . import CONST\nfrom . import name as n\n{MODEL}{BEFORE}",
        f"from . import CONST\n{OURS}from . import name as n\n{MODEL}{AFTER}",
    ),
    "behind all relative imports": (
        f"from .. import models\nfrom ..models import M\n\n\n{BEFORE}",
        f"from .. import models\nfrom ..models import M\n{OURS}\n\n{AFTER}",
    ),
    "above the comment on top of the import that it precedes": (
        f"import a\n\n# the models\n{MODEL}{BEFORE}",
        f"import a\n\n{OURS}\n# the models\n{MODEL}{AFTER}",
    ),
    "among relative imports with comments and blank lines": (
        f"from .. import a\n\n# b\nfrom ..b import c\n{MODEL}{BEFORE}",
        f"from .. import a\n\n# b\nfrom ..b import c\n{OURS}{MODEL}{AFTER}",
    ),
    "not above the comments that the file starts with": (
        f"#!/usr/bin/env python\n# licence\n{MODEL}{BEFORE}",
        f"#!/usr/bin/env python\n# licence\n{OURS}{MODEL}{AFTER}",
    ),
    "by its full name, as the module imports its neighbours": (
        f"import a\n\nimport shop.x\nfrom shop.models import M\n\n\n{BEFORE}",
        f"import a\n\n{OWN}import shop.x\nfrom shop.models import M\n\n\n{AFTER}",
    ),
    "by its full name, among others of its section": (
        f"import z\nfrom aaa import b\nfrom shop.models import M\nfrom z import c\n{BEFORE}",
        f"{OWN}import z\nfrom aaa import b\nfrom shop.models import M\nfrom z import c\n{AFTER}",
    ),
    "by its full name, in a section that is in no order": (
        f"from shop import Klass\nimport shop.models\nM = shop.models.M\n{BEFORE}",
        f"{OWN}from shop import Klass\nimport shop.models\nM = shop.models.M\n{AFTER}",
    ),
    "behind docstring, comments and imports": (
        f'#!/usr/bin/env python\n# c\n\n"""Doc."""\n\nimport a\nx = 1\n{MODEL}{BEFORE}',
        f'#!/usr/bin/env python\n# c\n\n"""Doc."""\n\nimport a\n\n{OURS}x = 1\n{MODEL}{AFTER}',
    ),
    "behind __future__ imports and in the block below them": (
        f'"""Doc."""\nfrom __future__ import annotations\n\nx = 1\n{MODEL}{BEFORE}',
        f'"""Doc."""\nfrom __future__ import annotations\n\nx = 1\n{OURS}{MODEL}{AFTER}',
    ),
    "no imports but the future's": (
        f'"""Doc."""\nfrom __future__ import annotations\n\n\n{BEFORE}{MODEL}',
        f'"""Doc."""\nfrom __future__ import annotations\n\n{OURS}\n\n{AFTER}{MODEL}',
    ),
    "right below the future's": (
        f"from __future__ import annotations\nfrom shop.models import M\n\n\n{BEFORE}",
        f"from __future__ import annotations\n{OWN}from shop.models import M\n\n\n{AFTER}",
    ),
    "right below the future's, a script": (
        f"from __future__ import annotations\nfrom .models import M\n\n\n{BEFORE}",
        f"from __future__ import annotations\n{OURS}from .models import M\n\n\n{AFTER}",
    ),
    "right below the future's, all others before it": (
        f"from __future__ import annotations\nimport a\n\n\n{BEFORE}{MODEL}",
        f"from __future__ import annotations\nimport a\n\n{OURS}\n\n{AFTER}{MODEL}",
    ),
    "docstring alone": (
        f'"""Doc."""\n{BEFORE}{MODEL}',
        f'"""Doc."""\n\n{OURS}{AFTER}{MODEL}',
    ),
    "docstring, a line, a function": (
        f'"""Doc."""\n\n{BEFORE}{MODEL}',
        f'"""Doc."""\n\n{OURS}\n{AFTER}{MODEL}',
    ),
    "docstring with another statement on its line": (
        f'"""Doc."""; x = 1\n{BEFORE}{MODEL}',
        f'"""Doc."""; x = 1\n\n{OURS}{AFTER}{MODEL}',
    ),
    "nothing before the function": (BEFORE + MODEL, f"{OURS}\n\n{AFTER}{MODEL}"),
    "blank lines before the function": (
        f"\n\n{BEFORE}{MODEL}",
        f"\n\n{OURS}{AFTER}{MODEL}",
    ),
    "nothing but a shebang and a cookie": (
        f"#!/usr/bin/python\n# coding: utf-8\n{BEFORE}{MODEL}",
        f"#!/usr/bin/python\n# coding: utf-8\n{OURS}{AFTER}{MODEL}",
    ),
    "nothing but a comment and a blank line": (
        f"# licence\n\n{BEFORE}{MODEL}",
        f"# licence\n\n{OURS}{AFTER}{MODEL}",
    ),
    "above a comment on top of the first statement": (
        f"# licence\n\n# why\nx = 1\n{BEFORE}{MODEL}",
        f"# licence\n\n{OURS}# why\nx = 1\n{AFTER}{MODEL}",
    ),
    "imports in a try only": (
        f'"""Doc."""\n\ntry:\n    {MODEL}except ImportError:\n    M = None\n{BEFORE}',
        f'"""Doc."""\n\n{OURS}\ntry:\n    {MODEL}except ImportError:\n    M = None\n{AFTER}',
    ),
    "imports under TYPE_CHECKING are no block": (
        f"import typing\n\nif typing.TYPE_CHECKING:\n    {MODEL}def f() -> 'M': return 1\n",
        f"import typing\n\n{OURS}\nif typing.TYPE_CHECKING:\n    {MODEL}{AFTER}".replace(
            "M: return M()", "'M': return 1"
        ),
    ),
    "behind what changes sys.path": (
        f"import sys\nsys.path.insert(0, '.')\nimport a\n{MODEL}{BEFORE}",
        f"import sys\nsys.path.insert(0, '.')\nimport a\n{OURS}{MODEL}{AFTER}",
    ),
    "behind what changes sys.path, and no import there": (
        f"import sys\n{MODEL}\nif M:\n    sys.path += ['.']\n\n\n{BEFORE}",
        f"import sys\n{MODEL}\nif M:\n    sys.path += ['.']\n\n{OURS}\n\n{AFTER}",
    ),
    "a blank line between two kinds of newlines": (
        f"x = 1\nimport a\r{BEFORE}{MODEL}",
        f"x = 1\nimport a\r\r\n{OURS[:-1]}\r\n{AFTER}{MODEL}",
    ),
    "newlines that would become one": (
        f"x = 1\rimport a\n\n{BEFORE}{MODEL}",
        f"x = 1\rimport a\n\r\n{OURS[:-1]}\r\n\n{AFTER}{MODEL}".replace("record\n", "record\r"),
    ),
    "semicolons": (
        f"import a; {MODEL[:-1]}; x = 1\n{BEFORE}",
        f"{OURS}import a; {MODEL[:-1]}; x = 1\n{AFTER}",
    ),
    "semicolon and a statement of several lines": (
        f"import a; x = [\n1]; y = 2\n{BEFORE}{MODEL}",
        f"import a; x = [\n1]; y = 2\n\n{OURS}{AFTER}{MODEL}",
    ),
    "parentheses on several lines": (
        f"from ..models import (\n    M,  # c\n    N,\n)  # d\n{BEFORE}",
        f"from ..models import (\n    M,  # c\n    N,\n)  # d\n{OURS}{AFTER}",
    ),
    "a continued line": (
        f"from ..models import M, \\\n    N\n{BEFORE}",
        f"from ..models import M, \\\n    N\n{OURS}{AFTER}",
    ),
    "a semicolon and a continued line": (
        f"from ..models import M; \\\nx = 1\n{BEFORE}",
        f"from ..models import M; \\\nx = 1\n{OURS}{AFTER}",
    ),
    "continued to an empty line": (
        f"from ..models import M \\\n\n{BEFORE}",
        f"from ..models import M \\\n\n{OURS}{AFTER}",
    ),
    "a comment that ends as a continued line does": (
        f"from ..models import M  # c \\\n{BEFORE}",
        f"from ..models import M  # c \\\n{OURS}{AFTER}",
    ),
    "the function is in a statement above the imports' end": (
        f"{MODEL}if M:\n  {BEFORE}import a\n",
        f"{OURS}{MODEL}if M:\n  @_distil.f.record\n  {BEFORE}import a\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), PLACES.values(), ids=PLACES)
def test_place(bench: Workbench, before: str, after: str) -> None:
    bench.check("instrument", before, after)


MAIN = "if __name__ == '__main__': f()\n"

COLLISIONS = {
    "a variable": "_distil = 1\n",
    "a parameter": "def g(_distil): ...\n",
    "a function's own": "def g():\n  _distil = 1\n",
    "an attribute": "M._distil = 1\n",
    "a namesake that is imported": "from .other import _distil\n",
    "a class": "class _distil: ...\n",
    "another spelling of the same name": "_\N{FULLWIDTH LATIN SMALL LETTER D}istil = 1\n",
}


@pytest.mark.parametrize("text", COLLISIONS.values(), ids=COLLISIONS)
def test_a_taken_name_gives_an_alias(bench: Workbench, text: str) -> None:
    bench.check(
        "instrument",
        f"{MODEL}x = 1\n{text}{BEFORE}",
        f"{OURS}{MODEL}x = 1\n{text}{AFTER}".replace("_distil\nfrom", "_distil_2\nfrom").replace(
            "@_distil", "@_distil_2"
        ),
    )


def test_the_alias_is_numbered_until_it_is_free() -> None:
    assert imports.free_alias("_distil = _distil_2 = 1") == "_distil_3"


SPELLINGS = {
    "in a package": ("shop/mail.py", "", "from . import _mail_distil"),
    "in a package below": ("shop/web/mail.py", "", "from . import _mail_distil"),
    "the package itself": ("shop/__init__.py", "", "from . import ___init___distil"),
    "private": ("shop/_client.py", "", "from . import __client_distil"),
    "run with -m": ("shop/__main__.py", "", "from . import ___main___distil"),
    "a module without a package": ("mail.py", "", "import _mail_distil"),
    "a script without a package": ("mail.py", MAIN, "import _mail_distil"),
    "a script in a package, which a relative import would break": (
        "shop/mail.py",
        MAIN,
        "import shop._mail_distil",
    ),
    "a script in a package with relative imports": (
        "shop/mail.py",
        f"from . import models\n{MAIN}",
        "from . import _mail_distil",
    ),
    "a neighbour is imported by its full name": (
        "shop/mail.py",
        "import shop.models\n",
        "import shop._mail_distil",
    ),
    "neighbours both ways": (
        "shop/mail.py",
        "import shop.models\nfrom . import models\n",
        "from . import _mail_distil",
    ),
}


@pytest.mark.parametrize(("name", "rest", "line"), SPELLINGS.values(), ids=SPELLINGS)
def test_spelling(bench: Workbench, name: str, rest: str, line: str) -> None:
    bench = bench.at(name)
    if "web" in name:
        bench.path.with_name("__init__.py").write_text("")
    head = "from pydantic import BaseModel\n\nclass M(BaseModel):\n  x: int\n"
    bench.check(
        "instrument",
        f"{head}\nclass A:\n  {BEFORE}{rest}",
        head.replace("\n\n", f"\n\n{line} as _distil\n\n", 1)
        + f"\nclass A:\n  @_distil.A_f.record\n  {BEFORE}{rest}",
    )


def test_a_folder_of_tests_that_others_import_from(bench: Workbench) -> None:
    bench.project.joinpath("tests/v2").mkdir(parents=True)
    bench.project.joinpath("tests/v2/test_b.py").write_text("from tests.v2 import test_c\n")
    head = "from pydantic import BaseModel\n\nclass M(BaseModel): ...\n"
    ours = "import tests.v2._test_a_distil as _distil\n"
    after = head.replace("\n\n", f"\n\n{ours}\n", 1) + AFTER
    bench.at("tests/v2/test_a.py").check("instrument", head + BEFORE, after)


def test_a_folder_whose_name_is_a_keyword(bench: Workbench) -> None:
    head = "from pydantic import BaseModel\n\nimport shop.models\n\nclass M(BaseModel): ...\n"
    bench.at("shop/pass/mail.py").check(
        "instrument", head + BEFORE, f"import _mail_distil as _distil\n{head}{AFTER}"
    )


def test_tests_without_a_package_are_imported_as_scripts_are(bench: Workbench) -> None:
    bench.project.joinpath("tests/v2").mkdir(parents=True)
    bench.project.joinpath("tests/__init__.py").write_text("")
    bench.project.joinpath("tests/v2/test_b.py").write_text("from tests import support\n")
    head = "from pydantic import BaseModel\n\nclass M(BaseModel): ...\n"
    bench.at("tests/v2/test_a.py").check(
        "instrument",
        head + BEFORE,
        f"import _test_a_distil as _distil\n{head}{AFTER}",
    )


REMOVED = {
    "a statement of its own": (OURS, ""),
    "with a comment": ("from . import _mail_distil  # c; d\n", "# c; d\n"),
    "with a comment for a tool": ("from . import _mail_distil  # isort: skip\n", ""),
    "with a comment, in parentheses": (
        "from . import (\n    _mail_distil,  # c\n    a,\n)\n",
        "from . import (\n    # c\n    a,\n)\n",
    ),
    "first of a line": ("from . import _mail_distil; x = 1\n", "x = 1\n"),
    "in the middle of a line": ("x = 1; from . import _mail_distil; y = 2\n", "x = 1; y = 2\n"),
    "last of a line": ("x = 1; from . import _mail_distil  # c\n", "x = 1  # c\n"),
    "with a semicolon behind it": ("from . import _mail_distil;\n", ""),
    "alone in parentheses": ("from . import (\n    _mail_distil,\n)\n", ""),
    "before others": ("from . import _mail_distil, a\n", "from . import a\n"),
    "between others": ("from . import a, _mail_distil, b\n", "from . import a, b\n"),
    "behind others": ("from . import a, _mail_distil\n", "from . import a\n"),
    "renamed, behind others": ("from . import a, _mail_distil as z\n", "from . import a\n"),
    "in parentheses on a line": ("from . import (_mail_distil, a)\n", "from . import (a)\n"),
    "in parentheses, first": (
        "from . import (\n    _mail_distil,\n    a,  # c\n)\n",
        "from . import (\n    a,  # c\n)\n",
    ),
    "in parentheses, in the middle": (
        "from . import (\n    a,  # c\n    _mail_distil,\n    b,\n)\n",
        "from . import (\n    a,  # c\n    b,\n)\n",
    ),
    "in parentheses, last": (
        "from . import (\n    a,\n    _mail_distil,\n)  # d\n",
        "from . import (\n    a,\n)  # d\n",
    ),
    "on a continued line": (
        "from . import a, \\\n    _mail_distil\n",
        "from . import a\n",
    ),
    "before a continued line": (
        "from . import _mail_distil, \\\n    a\n",
        "from . import a\n",
    ),
    "with other modules": ("import a, _mail_distil, b.c\n", "import a, b.c\n"),
    "not the namesake beside it": (
        "import o._mail_distil, _mail_distil\n",
        "import o._mail_distil\n",
    ),
    "inside a block with others": (
        "try:\n    from . import _mail_distil\n    x = 1\nfinally: pass\n",
        "try:\n    x = 1\nfinally: pass\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), REMOVED.values(), ids=REMOVED)
def test_removal(bench: Workbench, before: str, after: str) -> None:
    bench.put(MODEL + before).restore()
    assert bench.raw.decode() == MODEL + after


def test_the_only_statement_of_a_block_is_refused(bench: Workbench) -> None:
    bench.put("try:\n    from . import _mail_distil\nfinally: pass\n")
    with pytest.raises(SourceError, match="would not compile"):
        bench.restore()
