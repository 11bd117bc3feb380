"""Imports that go with the bodies that used them: which ones, what is left, and how they return."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.rewrite import elsewhere, imports
from distilgen.rewrite.archive import Archive

if TYPE_CHECKING:
    from tests.rewrite.conftest import Workbench

MODELS = "from .models import M\n"
OURS = f"from . import _mail_distil as _distil\n{MODELS}"
STUB = "\n\ndef f(q: int) -> M:\n    return _distil.f.dispatch(M, q=q)\n"


def body(*names: str) -> str:
    """A function whose body uses some names."""
    return f"\n\ndef f(q: int) -> M:\n    return M(x=[{', '.join(names)}])\n"


def pair(head: str, names: str, left: str) -> tuple[str, str]:
    """A module before and after: what is ahead of its relative imports, and is left there."""
    return f"{head}{MODELS}{body(*names.split())}", f"{left}{OURS}{STUB}"


GONE = {
    "import": pair("import re\n", "re", ""),
    "a section with its blank line": pair('"""D."""\n\nimport re\n\n', "re", '"""D."""\n\n'),
    "one of two sections": pair("import re\n\nimport attr\n\n", "re", "import attr\n\n"),
    "the other one": pair("import sys\n\nimport attr\n\n", "attr", "import sys\n\n"),
    "two sections": pair("import re\n\nimport attr\n\n", "re attr", ""),
    "in the middle of a section": pair(
        "import os\nimport re\nimport sys\n\n", "re", "import os\nimport sys\n\n"
    ),
    "the first name of a package": pair("import os.path\n", "os.path.sep", ""),
    "two modules of a package": pair("import a.b\nimport a.c\n", "a.b a.c", ""),
    "as": pair("import numpy as np\n", "np.a", ""),
    "from as": pair("from a import b as c\n", "c", ""),
    "a name that only another pruned import has": pair(
        "import os\nfrom os import path\n", "os path", ""
    ),
    "two of two names": pair("from a import b, c\n", "b c", ""),
    "the first of two names": pair("from a import b, c\n", "b", "from a import c\n"),
    "the last of two names": pair("from a import b, c  # d\n", "c", "from a import b  # d\n"),
    "the second and third of four": pair(
        "from a import b, c, d, e\n", "c d", "from a import b, e\n"
    ),
    "one of two modules": pair("import a, b\n", "a", "import b\n"),
    "one of two with as": pair("from a import b as c, d as e\n", "c", "from a import d as e\n"),
    "a comment on its line": pair("import re  # for f\n", "re", ""),
    "in parentheses": pair("from a import (\n    b,\n    c,\n)\n", "b c", ""),
    "in parentheses, the first": pair(
        "from a import (\n    b,  # one\n    c,  # two\n)\n",
        "b",
        "from a import (\n    c,  # two\n)\n",
    ),
    "in parentheses, the last, without a comma": pair(
        "from a import (\n    b,\n    c\n)\n", "c", "from a import (\n    b,\n)\n"
    ),
    "in parentheses, some on a line": pair(
        "from a import (\n    b, c, d,  # x\n    e\n)\n",
        "d b",
        "from a import (\n    c,  # x\n    e\n)\n",
    ),
    "in parentheses, hanging": pair(
        "from a import (b,\n               c)\n", "c", "from a import (b)\n"
    ),
    "with a comment inside": pair(
        "from a import (\n    # first\n    b,\n    c,\n)\n",
        "b",
        "from a import (\n    # first\n    c,\n)\n",
    ),
    "with backslashes": pair("from a import b, \\\n    c\n", "b", "from a import c\n"),
    "as a whole with backslashes": pair("from a import \\\n    b, \\\n    c\n", "b c", ""),
    "tabs and no blanks": pair("from a import\tb,c\n", "c", "from a import\tb\n"),
    "in a type": (
        f"from a import b\n{MODELS}\n\ndef f(q: int) -> M:\n    x: 'b[q]' = q\n    return x\n",
        f"{OURS}{STUB}",
    ),
    "behind a comment, which stays": pair("# std\nimport re\n", "re", "# std\n"),
    "every import of the head but what is used": pair(
        "import re\n\nX = 1\n", "re", "X = 1\n"
    ),
    "in another spelling": pair("import \u017fun\n", "sun.a", ""),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), GONE.values(), ids=GONE)
def test_gone(bench: Workbench, before: str, after: str) -> None:
    bench.check("dispatch", before, after, prune=True)


def stays(head: str, names: str = "re", tail: str = "") -> tuple[str, str]:
    """A module that keeps its imports."""
    return head + MODELS + body(*names.split()) + tail, head + OURS + STUB + tail


STAY = {
    "the future": stays("from __future__ import annotations\n", "annotations"),
    "a star": stays("from re import *\n"),
    "noqa": stays("import re  # noqa: F401\n"),
    "noqa inside of parentheses": stays("from a import (\n    re,  # noqa\n)\n"),
    "pylint": stays("import re  # pylint: disable=unused-import\n"),
    "handed on as itself": stays("from a import re as re\n"),
    "not used by the body": stays("import os\n"),
    "in a comment of the body alone": (
        f"import re\n{MODELS}\n\ndef f(q: int) -> M:\n    return M(x=q)  # re\n",
        f"import re\n{OURS}{STUB}",
    ),
    "in a body of comments": (
        f"import re\n{MODELS}\n\ndef f(q: int) -> M:\n    'D.'\n    # re\n",
        f"import re\n{OURS}\n\ndef f(q: int) -> M:\n    'D.'\n{STUB.partition('M:')[2][1:]}",
    ),
    "in a string of the body alone": stays("import re\n", "'to:re'"),
    "used by other code": stays("import re\n", tail="\n\nX = re.compile\n"),
    "in an annotation": stays("import re\n", tail="\n\nX: re.Pattern\n"),
    "in a string elsewhere": stays("import re\n", tail="\n\n__all__ = ['re']\n"),
    "in a comment elsewhere": stays("import re\n", tail="\n\n# re\n"),
    "in another spelling elsewhere": stays("import sun\n", "sun", tail="\n\nprint(\u017fun)\n"),
    "under try": stays("try:\n    import re\nexcept ImportError:\n    pass\n"),
    "under if": stays("if 1:\n    import re\n"),
    "bound twice, once to stay": stays("import re\nimport re  # noqa\n"),
    "on a line with other code": stays("import re; import os\n"),
    "behind other code": stays("x = 1; import re\n"),
    "behind a docstring": stays('"""D."""; import re\n'),
    "with a semicolon": stays("import re;\n"),
    "behind a backslash": stays("x = 1\n\\\nimport re\n"),
    "a string would become the docstring": (
        f"import re\n'text'\nX = 1\n{MODELS}{body('re')}",
        f"import re\n\n{OURS.partition(MODELS)[0]}'text'\nX = 1\n{MODELS}{STUB}",
    ),
    "behind a definition": stays("def g(): ...\n\n\nimport re\n"),
    "what a decorator needs": (
        f"import re\n{MODELS}\n\n@re.d\ndef f(q: int) -> M:\n    return re.a\n",
        f"import re\n{OURS}\n\n@re.d{STUB[1:]}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), STAY.values(), ids=STAY)
def test_stay(bench: Workbench, before: str, after: str) -> None:
    bench.check("dispatch", before, after, prune=True)


def test_no_import_goes_without_the_option(bench: Workbench) -> None:
    bench.check("dispatch", *stays("import re\n"))


@pytest.mark.parametrize("case", [*GONE, *STAY])
def test_recorded_before(bench: Workbench, case: str) -> None:
    """The import of the sidecar is there already, and stays among its neighbours."""
    before, after = {**GONE, **STAY}[case]
    bench.put(before).run("instrument")
    bench.run("dispatch", prune=True)
    assert bench.raw.decode() == after
    bench.restore()
    assert bench.raw.decode() == before


PLAIN = GONE["a section with its blank line"][0].encode()
REST = (MODELS + body("re")).encode()
ODD = {
    "CRLF": PLAIN.replace(b"\n", b"\r\n"),
    "old newlines": PLAIN.replace(b"\n", b"\r"),
    "newlines of both kinds": PLAIN.replace(b"re\n", b"re\r\n", 1),
    "a byte order mark": b"\xef\xbb\xbf" + GONE["import"][0].encode(),
    "latin-1": b"# coding: latin-1\nimport re  # \xe9\n" + REST,
    "Shift JIS": "# coding: shift_jis\nfrom a import re, b  # \u8868\n".encode("shift_jis") + REST,
    "form feeds": b"import os\n\x0c\nimport re\n\x0c\n" + REST,
    "no newline at the end": b"import re\n" + REST.rstrip(),
    "nothing but blank lines above": b"\n\nimport re\n\n" + REST,
}


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
def test_bytes(bench: Workbench, raw: bytes) -> None:
    bench.put(raw)
    assert bench.run("dispatch", prune=True).pruned == ("re",)
    assert b"import re" not in bench.raw
    compile(bench.raw, "mail.py", "exec", dont_inherit=True)
    assert bench.plan("dispatch", prune=True).changes == ()
    bench.restore()
    assert bench.raw == raw


def test_a_comment_that_would_become_the_encoding(bench: Workbench) -> None:
    raw = "import re\nimport sys\n# coding: latin-1\n# é\n" + MODELS + body("re", "sys")
    bench.put(raw)
    assert bench.run("dispatch", prune=True).pruned != ("re", "sys")
    bench.restore()
    assert bench.raw.decode() == raw


# -- who else imports it ------------------------------------------------------------------------

OTHERS = {
    "from": ("tests/test_mail.py", "from shop.mail import re\n", False),
    "by a path": ("tests/test_mail.py", "patch('shop.mail.re')\n", False),
    "as an attribute": ("app.py", "import shop.mail\n\nshop.mail.re\n", False),
    "a star": ("app.py", "from shop.mail import *\n", False),
    "a star on two lines": ("app.py", "from shop.mail \\\n  import *\n", False),
    "a star, relatively": ("shop/__init__.py", "from .mail import *\n", False),
    "no Python": ("app.py", "from shop.mail import re, (\n", False),
    "no text": ("app.py", "# coding: none\nfrom shop.mail import re\n", False),
    "the name alone": ("app.py", "import re\n", True),
    "the module alone": ("app.py", "import shop.mail\n", True),
    "parts of the words": ("app.py", "import shop.mailbox, res\n", True),
    "a star of another": ("app.py", "from shop.models import *  # mail\n", True),
}


@pytest.mark.parametrize(("name", "text", "goes"), OTHERS.values(), ids=OTHERS)
def test_other_files(bench: Workbench, name: str, text: str, goes: bool) -> None:
    bench.at(name).put(text)
    planned = bench.put(GONE["import"][0]).run("dispatch", prune=True)
    assert planned.pruned == (("re",) if goes else ())
    bench.restore()
    assert bench.raw.decode() == GONE["import"][0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("app.py", "from shop import re\n", id="from outside"),
        pytest.param("shop/text.py", "from . import re\n", id="relatively"),
        pytest.param("shop/text.py", "from . import *\n", id="a star, relatively"),
        pytest.param("shop/web/text.py", "from .. import re\n", id="from below"),
    ],
)
def test_other_files_and_a_package(bench: Workbench, name: str, text: str) -> None:
    package = bench.at("shop/__init__.py").put(GONE["import"][0])
    assert package.plan("dispatch", prune=True).pruned == ("re",)
    bench.at(name).put(text)
    assert package.plan("dispatch", prune=True).pruned == ()


def test_what_was_removed_elsewhere_may_come_back(bench: Workbench) -> None:
    """The order in which modules are dispatched makes no difference."""
    other = bench.at("shop/post.py").put(f"from . import mail\n{MODELS}{body('mail.re')}")
    other.run("dispatch", prune=True)
    bench.put(GONE["import"][0])
    assert bench.plan("dispatch", prune=True).pruned == ()


def test_every_file_is_read_once(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def words(text: str) -> set[str]:
        read.append(text)
        return imports.words(text)

    monkeypatch.setattr(elsewhere, "words", words)
    others = [bench.at(f"shop/m{number}.py").put("m1, a").path for number in range(3)]
    asked = elsewhere.Elsewhere(Archive(bench.project), others)
    assert [asked(path, {"a", "b"}) for path in others] == [set(), {"a"}, set()]
    assert read == ["m1, a"] * 3


# -- several functions --------------------------------------------------------------------------

HEAD = '"""D."""\n\nimport json\nimport re\n\nfrom a import b, c\n\n'
TWO = (
    f"{HEAD}{MODELS}\n\ndef f() -> M:\n    return M(x=re.x(json, b))\n\n\n"
    "def g() -> M:\n    return M(x=re.x(c))\n"
)


def test_an_import_goes_with_the_last_body_that_uses_it(bench: Workbench) -> None:
    bench.put(TWO)
    assert bench.run("dispatch", "f", prune=True).pruned == ("b", "json")
    assert bench.raw.decode().startswith(f'"""D."""\n\nimport re\n\nfrom a import c\n\n{OURS}\n')
    assert bench.run("dispatch", "g", prune=True).pruned == ("c", "re")
    assert bench.raw.decode().startswith(f'"""D."""\n\n{OURS}\n')
    bench.restore()
    assert bench.raw.decode() == TWO


def test_the_order_makes_no_difference(bench: Workbench) -> None:
    made = []
    for steps in (("f", "g"), ("g", "f"), ()):
        bench.put(TWO)
        for only in steps:
            bench.run("dispatch", only, prune=True)
        bench.run("dispatch", prune=True)
        made.append((bench.raw, bench.load().imports))
        bench.restore()
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize(
    ("only", "head"),
    [
        ("f", '"""D."""\n\nimport json\nimport re\n\nfrom a import b\n\n'),
        ("g", '"""D."""\n\nimport re\n\nfrom a import c\n\n'),
    ],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_only_brings_back_what_its_bodies_need(
    bench: Workbench, only: str, head: str, recorded: bool
) -> None:
    bench.put(TWO)
    if recorded:
        bench.run("instrument")
    bench.run("dispatch", prune=True)
    bench.restore(only)
    assert bench.raw.decode().startswith(f"{head}{OURS}\n")
    bench.restore()
    assert bench.raw.decode() == TWO
    assert not bench.originals.exists()


def test_a_stub_that_stays_keeps_its_imports_away(bench: Workbench) -> None:
    text = f"import re\n{MODELS}{body('re')}{body().replace('f(', 'g(')}"
    bench.put(text).run("dispatch", prune=True)
    bench.restore("g")
    assert b"import re" not in bench.raw
    bench.restore("f")
    assert bench.raw.decode() == text


def test_later_runs_keep_it_pruned(bench: Workbench) -> None:
    bench.put(TWO).run("dispatch", prune=True)
    once = bench.raw
    for prune in (False, True):
        planned = bench.plan("dispatch", model="two", prune=prune)
        assert [change.path for change in planned.changes] == [bench.sidecar]
    bench.run("instrument")
    assert bench.raw == once
    bench.restore()
    assert bench.raw.decode() == TWO


def test_pruned_after_it_was_dispatched(bench: Workbench) -> None:
    before, after = GONE["import"]
    bench.put(before).run("dispatch")
    planned = bench.run("dispatch", prune=True)
    assert (planned.functions, planned.pruned) == ((), ("re",))
    assert bench.raw.decode() == after
    bench.restore()
    assert bench.raw.decode() == before


# -- edits of the user in between ---------------------------------------------------------------

BEFORE = f"{HEAD}{MODELS}{body('json', 'b')}\n\nX = re, c\n"
EDITS = {
    "lines above": (
        '"""D."""\n',
        '"""D.\n\nMore.\n"""\n',
        BEFORE.replace('"""D."""', '"""D.\n\nMore.\n"""'),
    ),
    "another import behind it": (
        "import re\n",
        "import re\nimport sys\n",
        BEFORE.replace("import re\n", "import re\nimport sys\n"),
    ),
    "another import in its place": (
        "import re\n",
        "import os\nimport re\n",
        BEFORE.replace("import json\n", "import os\nimport json\n"),
    ),
    "everything around it changed": (
        '"""D."""\n\nimport re\n',
        '"""E."""\nimport sys, re\n',
        BEFORE.replace(
            '"""D."""\n\nimport json\nimport re\n', '"""E."""\nimport sys, re\n'
        ).replace(MODELS, f"{MODELS}import json\n"),
    ),
    "a name more in the statement": (
        "from a import c\n",
        "from a import c, d\n",
        BEFORE.replace("from a import b, c\n", "from a import c, d\nfrom a import b\n"),
    ),
    "the statement moved": (
        "from a import c\n\nfrom . import _mail_distil as _distil\nfrom .models import M\n",
        "from . import _mail_distil as _distil\nfrom .models import M\n\nfrom a import c\n",
        BEFORE.replace("from a import b, c\n\n", "").replace(
            MODELS, f"{MODELS}\nfrom a import b, c\n"
        ),
    ),
    "imported again": (
        "import re\n",
        "import json\nimport re\n",
        BEFORE,
    ),
    "one of them bound to something else": (
        "X = re, c\n",
        "X = re, c\nb = json = 1\n",
        BEFORE.replace("import json\n", "").replace("b, c\n", "c\n", 1) + "b = json = 1\n",
    ),
    "a future import": (
        "import re\n",
        "from __future__ import annotations\nimport re\n",
        BEFORE.replace("import json\n", "from __future__ import annotations\nimport json\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "after"), EDITS.values(), ids=EDITS)
def test_edits_of_the_user_stay(bench: Workbench, old: str, new: str, after: str) -> None:
    bench.put(BEFORE)
    assert bench.run("dispatch", prune=True).pruned == ("b", "json")
    bench.edit(old, new)
    bench.restore()
    assert bench.raw.decode() == after
    assert not bench.originals.exists()
    compile(bench.raw, "mail.py", "exec", dont_inherit=True)


BINDING = {
    "a loop": "for json in (): ...\n",
    "with": "with X as json: ...\n",
    "a pattern": "match X:\n    case [re, *json]: ...\n",
    "a pattern of a mapping": "match X:\n    case {1: _, **json}: ...\n",
    "an alternative": "match X:\n    case 1 | 2 as json: ...\n",
    "a walrus in a comprehension": "Y = [json := z for z in X]\n",
    "in a branch": "if X:\n    import json\n",
    "in a handler": "try: ...\nexcept OSError:\n    json = 1\n",
    "a class": "class json: ...\n",
}
NOT_BINDING = {
    "a function's own": "if X:\n    def helper(): json = 1\n",
    "a method's own": "class A:\n    if X:\n        def helper(): json = 1\n",
    "an attribute": "if X:\n    class A:\n        json = 1\n",
    "a comprehension's own": "Y = [json for json in X]\n",
    "a generator's own": "Y = sum(json for json in X)\n",
    "a parameter": "Y = lambda json: 1\n",
    "annotated alone": "json: int\n",
    "an attribute of another": "X.json = 1\n",
    "gone behind its handler": "try: ...\nexcept OSError as json: ...\n",
    "for type checkers": "if TYPE_CHECKING:\n    import json\n",
}


@pytest.mark.parametrize("more", NOT_BINDING.values(), ids=NOT_BINDING)
def test_a_name_that_the_module_has_not(bench: Workbench, more: str) -> None:
    bench.put(BEFORE).run("dispatch", prune=True)
    bench.edit("X = re, c\n", f"X = re, c\n{more}")
    bench.restore()
    assert bench.raw.decode() == BEFORE + more


@pytest.mark.parametrize("more", BINDING.values(), ids=BINDING)
def test_a_name_that_its_author_has_bound_anew(bench: Workbench, more: str) -> None:
    bench.put(BEFORE).run("dispatch", prune=True)
    bench.edit("X = re, c\n", f"X = re, c\n{more}")
    bench.restore()
    assert bench.raw.decode() == BEFORE.replace("import json\n", "") + more


def test_other_newlines(bench: Workbench) -> None:
    bench.put(BEFORE).run("dispatch", prune=True)
    bench.put(bench.raw.replace(b"\n", b"\r\n"))
    bench.restore()
    assert bench.raw.replace(b"\r\n", b"\n").decode() == BEFORE


def test_our_import_was_moved(bench: Workbench) -> None:
    text = f"import re\nimport sys\n\nX = 1\n{MODELS}{body('re')}\n\nY = sys\n"
    bench.put(text).run("instrument")
    line = "from . import _mail_distil as _distil\n"
    bench.edit(line, "")
    bench.edit("import sys\n", f"import sys\n\n\n{line}")
    moved = bench.raw
    assert bench.run("dispatch", prune=True).pruned == ("re",)
    bench.restore()
    assert bench.raw == moved.replace(line.encode(), b"").replace(b"@_distil.f.record\n", b"")


def test_a_function_whose_body_stays_removed(bench: Workbench) -> None:
    bench.put(TWO).run("dispatch", prune=True)
    bench.edit("\n\ndef f() -> M:\n    return _distil.f.dispatch(M)\n", "")
    bench.restore()
    assert b"json" not in bench.raw
    assert b"import re\n\nfrom a import c\n" in bench.raw
    assert {name for item in bench.load().imports for name in item.names} == {"json", "b"}


def test_a_renamed_module(bench: Workbench) -> None:
    bench.put(TWO).run("dispatch", prune=True)
    other = bench.at("shop/post.py")
    bench.path.rename(other.path)
    other.restore()
    assert other.raw.decode() == TWO
    assert not bench.originals.exists()


def test_a_function_in_another_file(bench: Workbench) -> None:
    bench.put(TWO).run("dispatch", prune=True)
    stub = "\n\ndef f() -> M:\n    return _distil.f.dispatch(M)\n"
    bench.edit(stub, "")
    other = bench.at("shop/post.py").put(f"import re\n{OURS}{stub}")
    other.restore()
    text = other.raw.decode()
    assert text.count("import re\n") == text.count("import json\n") == 1
    assert text.count("from a import b\n") == 1


def test_what_went_can_be_read_by_people(bench: Workbench) -> None:
    bench.put(GONE["import"][0]).run("dispatch", prune=True)
    text = bench.originals.read_text("utf-8")
    assert '"removed": "import re\\n"' in text
    bench.originals.write_text(text.replace("import re", "import os"), "utf-8")
    with pytest.raises(SourceError, match=r"was edited by hand\); take it back"):
        bench.load()


def test_linters_find_nothing_new(bench: Workbench) -> None:
    bench.put(TWO).run("dispatch", prune=True)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I", "-"]
    done = subprocess.run(command, input=bench.raw, capture_output=True, check=False)
    found = done.stdout.decode()
    assert "F401" not in found
    assert "F821" not in found
    bench.restore()
