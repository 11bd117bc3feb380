"""The import of the sidecar: where it goes, how it is spelled, and how it is taken out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.rewrite import imports

if TYPE_CHECKING:
    from tests.rewrite.conftest import Workbench

MODEL = "from shop.models import M\n"
OURS = "from . import _mail_distil\n"
BEFORE = "def f() -> M: return M()\n"
AFTER = "@_mail_distil.f.record\ndef f() -> M: return M()\n"

PLACES = {
    "behind the first block of imports": (
        f"import a\n\nimport b\n{MODEL}\n\nx = 1\n\nimport c\n{BEFORE}",
        f"import a\n\nimport b\n{MODEL}{OURS}\n\nx = 1\n\nimport c\n{AFTER}",
    ),
    "on the line before the function": (MODEL + BEFORE, MODEL + OURS + AFTER),
    "behind docstring, comments and imports": (
        f'#!/usr/bin/env python\n# licence\n\n"""Doc."""\n\n{MODEL}\n{BEFORE}',
        f'#!/usr/bin/env python\n# licence\n\n"""Doc."""\n\n{MODEL}{OURS}\n{AFTER}',
    ),
    "behind __future__ imports and the block below them": (
        f'"""Doc."""\nfrom __future__ import annotations\n\nx = 1\n{MODEL}{BEFORE}',
        f'"""Doc."""\nfrom __future__ import annotations\n\nx = 1\n{MODEL}{OURS}{AFTER}',
    ),
    "the types' import stands behind the function": (
        f'"""Doc."""\nfrom __future__ import annotations\n{BEFORE}{MODEL}',
        f'"""Doc."""\nfrom __future__ import annotations\n{OURS}{AFTER}{MODEL}',
    ),
    "no imports but the future's": (
        f"from __future__ import annotations\nfrom shop.models import *\n{BEFORE}",
        f"from __future__ import annotations\nfrom shop.models import *\n{OURS}{AFTER}",
    ),
    "docstring alone": (
        f'"""Doc."""\n{BEFORE}import shop.models\nM = shop.models.M\n',
        f'"""Doc."""\n{OURS}{AFTER}import shop.models\nM = shop.models.M\n',
    ),
    "docstring with another statement on its line": (
        f'"""Doc."""; x = 1\n{BEFORE}{MODEL}',
        f'"""Doc."""; x = 1\n{OURS}{AFTER}{MODEL}',
    ),
    "nothing before the function": (BEFORE + MODEL, OURS + AFTER + MODEL),
    "nothing but a shebang and a cookie": (
        f"#!/usr/bin/python\n# coding: utf-8\n{BEFORE}{MODEL}",
        f"#!/usr/bin/python\n# coding: utf-8\n{OURS}{AFTER}{MODEL}",
    ),
    "imports in a try only": (
        f"try:\n    {MODEL}except ImportError:\n    M = None\n{BEFORE}",
        f"{OURS}try:\n    {MODEL}except ImportError:\n    M = None\n{AFTER}",
    ),
    "imports under TYPE_CHECKING are no block": (
        f"import typing\nif typing.TYPE_CHECKING:\n    {MODEL}def f() -> 'M': return 1\n",
        (
            f"import typing\n{OURS}if typing.TYPE_CHECKING:\n    {MODEL}"
            "@_mail_distil.f.record\ndef f() -> 'M': return 1\n"
        ),
    ),
    "semicolons": (
        f"import a; {MODEL[:-1]}; x = 1\n{BEFORE}",
        f"import a; {MODEL[:-1]}; x = 1\n{OURS}{AFTER}",
    ),
    "semicolon and a statement of several lines": (
        f"{MODEL[:-1]}; x = [\n1]; y = 2\n{BEFORE}",
        f"{MODEL[:-1]}; x = [\n1]; y = 2\n{OURS}{AFTER}",
    ),
    "parentheses on several lines": (
        f"from shop.models import (\n    M,  # c\n    N,\n)  # d\n{BEFORE}",
        f"from shop.models import (\n    M,  # c\n    N,\n)  # d\n{OURS}{AFTER}",
    ),
    "a continued line": (
        f"from shop.models import M, \\\n    N\n{BEFORE}",
        f"from shop.models import M, \\\n    N\n{OURS}{AFTER}",
    ),
    "a semicolon and a continued line": (
        f"{MODEL[:-1]}; \\\nx = 1\n{BEFORE}",
        f"{MODEL[:-1]}; \\\nx = 1\n{OURS}{AFTER}",
    ),
    "continued to an empty line": (
        f"{MODEL[:-1]} \\\n\n{BEFORE}",
        f"{MODEL[:-1]} \\\n\n{OURS}{AFTER}",
    ),
    "a comment that ends as a continued line does": (
        f"{MODEL[:-1]}  # c \\\n{BEFORE}",
        f"{MODEL[:-1]}  # c \\\n{OURS}{AFTER}",
    ),
    "the function is in a statement above the imports' end": (
        f"{MODEL}if M:\n  {BEFORE}import a\n",
        f"{MODEL}{OURS}if M:\n  @_mail_distil.f.record\n  {BEFORE}import a\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), PLACES.values(), ids=PLACES)
def test_place(bench: Workbench, before: str, after: str) -> None:
    bench.check("instrument", before, after)


COLLISIONS = {
    "a variable": "_mail_distil = 1\n",
    "a parameter": "def g(_mail_distil): ...\n",
    "a function's own": "def g():\n  _mail_distil = 1\n",
    "an attribute": "M._mail_distil = 1\n",
    "a namesake that is imported": "from .other import _mail_distil\n",
    "a class": "class _mail_distil: ...\n",
}


@pytest.mark.parametrize("text", COLLISIONS.values(), ids=COLLISIONS)
def test_a_taken_name_gives_an_alias(bench: Workbench, text: str) -> None:
    bench.put(MODEL + "x = 1\n" + text + BEFORE)
    bench.check(
        "instrument",
        f"{MODEL}x = 1\n{text}{BEFORE}",
        f"{MODEL}from . import _mail_distil as _mail_distil_2\nx = 1\n{text}"
        + AFTER.replace("_mail_distil", "_mail_distil_2"),
    )


def test_the_alias_is_numbered_until_it_is_free() -> None:
    tree = ast.parse("_mail_distil = _mail_distil_2 = 1")
    assert imports.free_alias(tree, "_mail_distil") == "_mail_distil_3"


SPELLINGS = {
    "in a package": ("shop/mail.py", "", "from . import _mail_distil"),
    "in a package below": ("shop/web/mail.py", "", "from . import _mail_distil"),
    "the package itself": (
        "shop/__init__.py",
        "",
        "from . import ___init___distil as _init___distil",
    ),
    "private: classes would mangle the name": (
        "shop/_client.py",
        "",
        "from . import __client_distil as _client_distil",
    ),
    "run with -m": (
        "shop/__main__.py",
        "",
        "from . import ___main___distil as _main___distil",
    ),
    "a module without a package": ("mail.py", "", "import _mail_distil"),
    "a script without a package": (
        "mail.py",
        "if __name__ == '__main__': f()\n",
        "import _mail_distil",
    ),
    "a script in a package, which a relative import would break": (
        "shop/mail.py",
        "if __name__ == '__main__': f()\n",
        "from shop import _mail_distil",
    ),
    "a script in a package with relative imports": (
        "shop/mail.py",
        "from . import models\nif __name__ == '__main__': f()\n",
        "from . import _mail_distil",
    ),
}


@pytest.mark.parametrize(("name", "rest", "line"), SPELLINGS.values(), ids=SPELLINGS)
def test_spelling(bench: Workbench, name: str, rest: str, line: str) -> None:
    alias = line.rpartition(" ")[2]
    bench = bench.at(name)
    if "web" in name:
        bench.path.with_name("__init__.py").write_text("")
    bench.check(
        "instrument",
        f"{MODEL}class A:\n  {BEFORE}{rest}",
        f"{MODEL}{line}\nclass A:\n  @{alias}.A_f.record\n  {BEFORE}{rest}",
    )


REMOVED = {
    "a statement of its own": (OURS, ""),
    "with a comment": ("from . import _mail_distil  # c; d\n", ""),
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
