"""Restoring what its author has moved: to another name, another place, another file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.rewrite import marks, module, originals, restoration
from distilgen.rewrite.archive import Archive
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.rewrite.conftest import Step, Workbench

HEAD = "from .models import M\n"
IMPORT = "from . import _mail_distil as _distil\n"
FUNCTION = 'def f(a: int) -> M:\n    """Doc."""\n    # why\n    return M(x=a)\n'
TEXT = f"{HEAD}\n\n{FUNCTION}"
STEPS: tuple[Step, ...] = ("instrument", "dispatch")

each_step = pytest.mark.parametrize("step", STEPS)


def _renamed(bench: Workbench, name: str, *, sidecar: bool = False) -> Workbench:
    """The module under another name, with its sidecar or without."""
    other = bench.at(name)
    bench.path.rename(other.path)
    if sidecar:
        bench.sidecar.rename(other.sidecar)
        other.put(other.raw.replace(bench.sidecar.stem.encode(), other.sidecar.stem.encode()))
    return other


@each_step
@pytest.mark.parametrize("sidecar", [False, True])
def test_a_renamed_module(bench: Workbench, step: Step, sidecar: bool) -> None:
    bench.put(TEXT).run(step)
    other = _renamed(bench, "shop/post.py", sidecar=sidecar)
    other.restore()
    assert other.raw.decode() == TEXT
    assert not bench.sidecar.exists()
    assert not other.sidecar.exists()
    if not sidecar:
        assert not bench.originals.exists()


@each_step
def test_a_module_in_another_package(bench: Workbench, step: Step) -> None:
    bench.put(TEXT).run(step)
    other = _renamed(bench, "shop/web/post.py")
    other.put(other.raw.replace(b"from .", b"from .."))
    other.restore()
    assert other.raw.decode() == TEXT.replace("from .", "from ..")
    assert not bench.sidecar.exists()
    assert not bench.originals.exists()


@each_step
def test_a_function_in_another_file(bench: Workbench, step: Step) -> None:
    both = f"{TEXT}\n\ndef g() -> M: return M()\n"
    bench.put(both).run(step)
    head, _, rest = bench.raw.decode().partition("\n\n\n")
    function, _, left = rest.partition("\n\n\n")
    other = bench.at("shop/post.py").put(f"{head}\n\n\n{function}\n")
    bench.put(f"{head}\n\n\n{left}")
    other.restore()
    assert other.raw.decode() == TEXT
    assert bench.sidecar.exists()
    bench.restore()
    assert bench.raw.decode() == f"{HEAD}\n\ndef g() -> M: return M()\n"
    assert not bench.sidecar.exists()


def test_a_stub_in_a_file_with_a_sidecar_of_its_own(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    stub = bench.raw.decode().partition("\n\n\n")[2]
    bench.put(HEAD)
    other = bench.at("shop/post.py").put(f"{HEAD}\n\ndef g() -> M: return M()\n")
    other.run("dispatch")
    other.put(f"{other.raw.decode()}\n\n{stub}")
    other.restore()
    assert other.raw.decode() == f"{HEAD}\n\ndef g() -> M: return M()\n\n\n{FUNCTION}"


def test_two_bodies_that_may_be_meant(bench: Workbench) -> None:
    stub = ""
    for name in ("shop/a.py", "shop/b.py"):
        one = bench.at(name).put(TEXT)
        one.run("dispatch")
        stub = one.raw.decode()
        one.put(HEAD)
    other = bench.put(stub.replace("_b_distil", "_mail_distil"))
    with pytest.raises(SourceError, match=r"originals/shop/a\.py\.json, .*shop/b\.py\.json is its"):
        other.restore()


def _renamed_folder(bench: Workbench, head: str = HEAD) -> dict[str, str]:
    """What `shop` had in two modules, each with a function f, in the folder `store` now: by the
    names of its files.
    """
    names = ("mail.py", "post.py")
    texts = {n: TEXT.replace("# why", f"# {n}").replace(HEAD, head) for n in names}
    for name, text in texts.items():
        bench.at(f"shop/{name}").put(text).run("dispatch")
    (bench.project / "shop").rename(bench.project / "store")
    return texts


@pytest.mark.parametrize("head", [HEAD, "from shop.models import M\n"])
def test_a_renamed_folder(bench: Workbench, head: str) -> None:
    texts = _renamed_folder(bench, head)
    for name, text in texts.items():
        other = bench.at(f"store/{name}")
        other.restore()
        assert other.raw.decode() == text
        assert not other.sidecar.exists()
        assert not bench.at(f"shop/{name}").originals.exists()


def test_a_renamed_folder_is_read_once(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = _renamed_folder(bench)
    read, archive = [], Archive(bench.project)

    def count(project: Path, module: Path) -> originals.Kept:
        read.append(module.relative_to(bench.project).as_posix())
        return kept(project, module)

    kept = originals.read
    monkeypatch.setattr(originals, "read", count)
    for name in texts:
        other = bench.at(f"store/{name}")
        loaded = module.load(bench.project, files.read(other.path), archive)
        made = restoration.restore(loaded, other.name, lambda error: pytest.fail(str(error)))
        assert made.functions == (f"{other.name}:f",)
    assert sorted(read) == [f"{folder}/{name}" for folder in ("shop", "store") for name in texts]


def test_a_renamed_module_of_another_import_root(bench: Workbench) -> None:
    for folder in ("src/shop", "old/src/shop"):
        (bench.project / folder).mkdir(parents=True)
        bench.at(f"{folder}/mail.py").put(TEXT).run("dispatch")
    (bench.project / "src").rename(bench.project / "lib")
    other = bench.at("lib/shop/mail.py")
    other.restore()  # the other one has its stub still
    assert other.raw.decode() == TEXT


@each_step
def test_what_was_moved_is_restored_before_it_is_rewritten(bench: Workbench, step: Step) -> None:
    bench.put(TEXT).run(step)
    other = _renamed(bench, "shop/post.py")
    with pytest.raises(SourceError, match="`distilgen restore` on this file first") as caught:
        other.plan(step)
    assert (caught.value.line, caught.value.function) == (6 if step == "instrument" else 5, "f")
    other.restore()
    bench.put(TEXT).run(step)
    other.check(step, TEXT, bench.raw.replace(b"mail", b"post"))


INDENTED: dict[str, tuple[str, Callable[[str], str], str]] = {
    "into a class": (
        'def f(a: int) -> M:\n    s = """\n  text\n  """\n    return M(\n  a)\n',
        lambda stub: "class A:\n  " + stub.replace("\n    ", "\n     "),
        'class A:\n  def f(a: int) -> M:\n     s = """\n  text\n  """\n     return M(\n  a)\n',
    ),
    "from two columns to four": (
        "def f(a: int) -> M:\n  if a:\n    return M()\n  return M(x=a)\n",
        lambda stub: stub.replace("\n  ", "\n    "),
        "def f(a: int) -> M:\n    if a:\n      return M()\n    return M(x=a)\n",
    ),
    "from columns to tabs": (
        "def f(a: int) -> M:\n    if a:\n        return M()\n    return M(x=a)\n",
        lambda stub: stub.replace("\n    ", "\n\t"),
        "def f(a: int) -> M:\n\tif a:\n\t    return M()\n\treturn M(x=a)\n",
    ),
    "a body on the line of the def": (
        "def f(a: int) -> M: return M(x=a)\n",
        lambda stub: "class A:\n    " + stub.replace("\n    ", "\n        "),
        "class A:\n    def f(a: int) -> M: return M(x=a)\n",
    ),
}


@pytest.mark.parametrize(("function", "moved", "back"), INDENTED.values(), ids=INDENTED)
def test_a_stub_in_another_indentation(
    bench: Workbench, function: str, moved: Callable[[str], str], back: str
) -> None:
    bench.put(HEAD + function).run("dispatch")
    head = IMPORT + HEAD
    stub = bench.raw.decode().removeprefix(head)
    bench.put(head + moved(stub))
    bench.restore()
    assert bench.raw.decode() == HEAD + back


def test_a_stub_whose_parameter_was_renamed(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    renamed = bench.raw.replace(b"a: int", b"b: int").replace(b"a=a", b"a=b")
    bench.put(renamed)
    with pytest.raises(SourceError, match="needs a, which it has not") as caught:
        bench.restore()
    assert caught.value.function == "f"
    assert bench.raw == renamed


def test_a_stub_with_one_parameter_more(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.edit("a: int", "a: int, b: int = 0")
    bench.restore()
    assert bench.raw.decode() == TEXT.replace("a: int", "a: int, b: int = 0")


def test_the_body_of_a_function_that_is_gone_is_kept(bench: Workbench) -> None:
    bench.put(f"{TEXT}\n\ndef g() -> M: return M()\n").run("dispatch")
    kept = bench.load().bodies["f"]
    head, _, rest = bench.raw.decode().partition("\n\n\n")
    left = rest.partition("\n\n\n")[2]
    bench.put(f"{head}\n\n\n{left}")
    bench.restore()
    assert bench.raw.decode() == f"{HEAD}\n\ndef g() -> M: return M()\n"
    assert bench.load().bodies == {"f": kept}
    assert not bench.sidecar.exists()
    bench.put(TEXT).run("dispatch")  # a new function of that name takes another's place from nobody
    assert sorted(bench.load().bodies) == ["f", "f_2"]
    bench.restore()
    assert bench.raw.decode() == TEXT
    assert bench.load().found == marks.Marks()
