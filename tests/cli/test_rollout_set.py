"""`rollout set` as a user types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_dispatch import contract, settings

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Ran

SIDECAR = "src/shop/_mail_distil.py"


def _set(distilgen: Cli, options: str) -> Ran:
    return distilgen("rollout", "set", "shop.mail:reply", *options.split())


def test_from_the_teacher_to_the_student_and_back(distilgen: Cli) -> None:
    before = distilgen.snapshot()
    for options, line in (
        ("--mode record", "recorded, was plain"),
        ("--mode shadow --model ft:m", "shadow 100 % to ft:m, was recorded"),
        ("--mode canary", "canary 10 % to ft:m, was shadow"),
        ("--share 25%", "canary 25 % to ft:m, was 10 %"),
        ("--model ft:n", "canary 25 % to ft:n, was to ft:m"),
        ("--min-agreement 90%", "canary 25 % to ft:n; min-agreement 90%"),
        (
            "--min-agreement none --pause 5",
            "canary 25 % to ft:n; pause 5; min-agreement none, was 90%",
        ),
        ("--mode fallback", "fallback 100 % to ft:n, was canary"),
        ("--mode dispatch", "dispatched to ft:n, was fallback"),
        ("--record", "dispatched and recorded to ft:n, was dispatched"),
        ("--model ft:m", "dispatched and recorded to ft:m, was to ft:n"),
        ("--no-record", "dispatched to ft:m, was dispatched and recorded"),
        ("--mode canary --share 0.5", "canary 50 % to ft:m, was dispatched"),
        ("--mode record", "recorded, was canary"),
    ):
        shown = distilgen.snapshot()
        dry = _set(distilgen, f"{options} --dry-run")
        ran = _set(distilgen, options)
        assert dry.out.startswith("would be set: shop.mail:reply: ")
        assert (ran.code, ran.err.partition(";")[0]) == (0, "1 function set"), ran.err
        said, _, more = ran.out.removesuffix("\n").partition("; ")
        wanted, _, wanted_more = line.partition("; ")
        assert said == f"shop.mail:reply: {wanted}"
        assert sorted(more.split("; ")) == sorted(wanted_more.split("; "))
        assert distilgen.snapshot() != shown
        again = _set(distilgen, f"{options} --check")
        assert (again.code, again.out) == (0, "")
        assert distilgen("check").out == ""
    assert contract(distilgen).model == "ft:m"
    assert _set(distilgen, "--mode canary").out.startswith("shop.mail:reply: canary 10 % to ft:m")
    assert distilgen("restore", "src").code == 0
    assert distilgen.snapshot() == before


def test_another_share_changes_the_sidecar_alone(distilgen: Cli) -> None:
    _set(distilgen, "--mode canary --model ft:m")
    before = distilgen.snapshot()
    ran = _set(distilgen, "--share 20%")
    after = distilgen.snapshot()
    assert {name for name in after if after[name] != before[name]} == {SIDECAR}
    assert ran.err == "1 function set; 1 file\n"


def test_a_diff_writes_nothing(distilgen: Cli) -> None:
    _set(distilgen, "--mode canary --model ft:m")
    before = distilgen.snapshot()
    ran = _set(distilgen, "--mode shadow --diff")
    assert (ran.code, distilgen.snapshot()) == (0, before)
    assert "-@_distil.reply.canary\n+@_distil.reply.shadow\n" in ran.out
    assert _set(distilgen, "--mode shadow --check").code == 1
    assert distilgen.snapshot() == before
    assert _set(distilgen, "--mode shadow -q").out == ""


def test_what_is_frozen_stays_frozen(distilgen: Cli) -> None:
    """No type is evaluated: an operator may not have the project's packages."""
    _set(distilgen, "--mode canary --model ft:m")
    frozen = contract(distilgen).fingerprint
    models = distilgen.read("src/shop/models.py").replace("urgent", "late")
    distilgen.write({"src/shop/models.py": f"import not_installed\n{models}"})
    assert _set(distilgen, "--mode fallback").code == 0
    assert contract(distilgen).fingerprint == frozen


def test_a_new_function_takes_what_is_configured(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": '[tool.distilgen.dispatch]\nmodel = "house"\n'})
    ran = _set(distilgen, "--mode shadow --share 5%")
    assert ran.out == "shop.mail:reply: shadow 5 % to house, was plain\n"
    distilgen.write({"pyproject.toml": '[tool.distilgen.dispatch]\nmodel = "other"\n'})
    assert _set(distilgen, "--mode canary").out.startswith("shop.mail:reply: canary 10 % to house")


@pytest.mark.parametrize("name", ["reply", "shop.mail:*", "*:reply", "shop.mail:reply"])
def test_how_a_function_is_named(distilgen: Cli, name: str) -> None:
    distilgen("instrument", "src")
    assert distilgen("rollout", "set", name, "--mode", "shadow", "--model", "m").code == 0
    assert "@_distil.reply.shadow\n" in distilgen.read("src/shop/mail.py")


def test_a_glob_takes_no_plain_function(distilgen: Cli) -> None:
    models = f"import not_installed\n{distilgen.read('src/shop/models.py')}"
    distilgen.write({"src/shop/models.py": models})  # which is not evaluated
    before = distilgen.snapshot()
    ran = distilgen("rollout", "set", "*", "--mode", "record")
    assert (ran.code, ran.out) == (0, "")
    assert "1 skipped (is plain; a glob names what is recorded or dispatched)" in ran.err
    assert distilgen.snapshot() == before


def test_a_name_of_several(distilgen: Cli) -> None:
    distilgen.write({"src/shop/b.py": distilgen.read("src/shop/mail.py")})
    before = distilgen.snapshot()
    for options in ("--mode record", "--mode canary"):
        ran = distilgen("rollout", "set", "reply", *options.split())
        assert ran.code == 2
        assert "reply: there are several: shop.b:reply, shop.mail:reply" in ran.err
    assert distilgen.snapshot() == before


@pytest.mark.parametrize("body", ["...", "pass", "raise NotImplementedError", '"""Doc."""'])
def test_what_has_no_body_is_not_left_to_itself(distilgen: Cli, body: str) -> None:
    text = f"from shop.models import Email\n\n\ndef ask(text: str) -> Email:\n    {body}\n"
    distilgen.write({"src/shop/ask.py": text})
    reason = "it has no body: nothing but a model can answer it"
    for _ in range(2):
        before = distilgen.snapshot()
        ran = distilgen("rollout", "set", "ask", "--mode", "record")
        assert (ran.code, ran.out) == (123, "")
        assert f": ask: {reason}\n" in ran.err
        assert distilgen.snapshot() == before
        assert distilgen("dispatch", "--model", "m", "src/shop/ask.py").code == 0
    ran = distilgen("rollout", "set", "*", "--mode", "record")
    assert (ran.code, ran.out) == (0, "")
    assert f"1 skipped ({reason})" in ran.err


def test_a_contract_that_drifted_is_told(distilgen: Cli) -> None:
    _set(distilgen, "--mode canary --model ft:m")
    assert "see `distilgen check`" not in _set(distilgen, "--share 5%").err
    models = distilgen.read("src/shop/models.py")
    distilgen.write({"src/shop/models.py": models.replace("to: str", "to: int")})
    ran = _set(distilgen, "--share 6%")
    assert (ran.code, ran.err.count("\n")) == (0, 2)
    assert ran.err.startswith(
        "shop.mail:reply: shop.models:Email changed; its contract stays as it is, see `distilgen"
    )
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/mail.py": text.replace("Answer a letter", "Answer letters")})
    assert "its contract changed: the system prompt" in _set(distilgen, "--share 7%").err


def test_no_model(distilgen: Cli) -> None:
    _set(distilgen, "--mode canary --model ft:m")
    ran = _set(distilgen, "--model none")
    assert ran.code == 2
    assert "reply: --model none: for the function to answer, say --mode record" in ran.err
    assert _set(distilgen, "--mode record --model none").code == 0
    assert settings(distilgen) == {}


def test_help_explains_every_mode(distilgen: Cli) -> None:
    said = " ".join(distilgen("rollout", "set", "--help").out.split())
    assert "record: the function answers, and its calls are recorded" in said
    assert "record: the function answers" not in distilgen("dispatch", "--help").out


def test_of_those_that_a_glob_names_some_are_meant(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/b.py": text, "src/shop/c.py": text})
    distilgen("rollout", "set", "shop.b:reply", "--mode", "canary", "--model", "m")
    distilgen("rollout", "set", "shop.c:reply", "--mode", "record")
    ran = distilgen("rollout", "set", "shop.*", "--share", "5%", "-v")
    assert (ran.code, ran.out) == (0, "shop.b:reply: canary 5 % to m, was 10 %\n")
    assert "shop.mail:reply: skipped: is plain; a glob names what is recorded" in ran.err
    assert "shop.c:reply: skipped: --share: in record mode, the teacher answers all" in ran.err


WRONG = {
    "nothing is said": ("reply", "", "rollout set: what? Say --mode"),
    "no such function": ("repply", "--mode record", "repply: no such function; did you mean reply"),
    "no model": ("reply", "--mode canary", "shop.mail:reply: which model? Name it with --model"),
    "both": ("reply", "--record --no-record", "--record or --no-record, not both"),
    "a share of nothing": (
        "reply",
        "--mode record --share 5%",
        "--share: in record mode, the teacher answers all calls alone; --mode shadow, canary, fall",
    ),
    "a share of a plain one": (
        "reply",
        "--share 5%",
        "shop.mail:reply: is not recorded yet, nor dispatched; say --mode",
    ),
    "a recorded record": (
        "reply",
        "--mode record --record",
        "--record: in record mode, every call leaves",
    ),
    "quiet and verbose": ("reply", "--mode record -q -v", "--quiet or --verbose, not both"),
}


@pytest.mark.parametrize(("name", "options", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant(distilgen: Cli, name: str, options: str, message: str) -> None:
    before = distilgen.snapshot()
    ran = distilgen("rollout", "set", name, *options.split())
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert distilgen.snapshot() == before


def test_a_function_that_cannot_have_a_student_beside_it(distilgen: Cli) -> None:
    text = "from shop.models import Email\n\n\ndef ask(text: str) -> Email: ...\n"
    distilgen.write({"src/shop/ask.py": text})
    ran = distilgen("rollout", "set", "ask", "--mode", "canary", "--model", "m")
    assert ran.code == 123
    assert ran.err.startswith("src/shop/ask.py:4: ask: it has no body, and canary needs a teacher")
    assert distilgen.read("src/shop/ask.py") == text


def _train(distilgen: Cli, contract_of_model: str) -> None:
    lock = json.loads(distilgen.read("distilgen.lock"))
    lock["models"]["ft:m"] = {
        "function": "shop.mail:reply",
        "contract": contract_of_model,
        "provider": "openai",
        "dataset": "d",
    }
    distilgen.write({"distilgen.lock": json.dumps(lock)})


def test_a_model_of_another_contract(distilgen: Cli) -> None:
    _set(distilgen, "--mode record")
    _train(distilgen, "0" * 32)
    before = distilgen.snapshot()
    ran = _set(distilgen, "--mode canary --model ft:m")
    assert ran.code == 123
    assert "reply: ft:m was trained for another contract, --accept-contract takes it" in ran.err
    assert distilgen.snapshot() == before
    assert _set(distilgen, "--mode canary --model ft:m --accept-contract").code == 0
    assert _set(distilgen, "--share 5%").code == 0
    assert distilgen("check").out == ""
    assert '"model": "ft:m", "accepted": true' in distilgen.read("distilgen.lock")
    assert distilgen("dispatch", "src", "--mode", "canary", "--check").code == 0  # as accepted
    distilgen("restore", "src")
    assert "accepted" not in distilgen.read("distilgen.lock")


# -- what `check` says of modes -----------------------------------------------------------------


FORWARD = '''

def forward(text: str) -> Email:
    """Send it on."""
    return Email(to=text, urgent=False)
'''


def _mended(distilgen: Cli, ran: Ran) -> None:
    (line,) = ran.out.splitlines()
    mend = line.rpartition("; mend: distilgen ")[2]
    assert distilgen(*mend.split()).code == 0
    assert distilgen("check").out == ""


@pytest.mark.parametrize("mode", ["shadow", "canary", "fallback"])
def test_a_lost_decorator_comes_back_with_its_mode(distilgen: Cli, mode: str) -> None:
    distilgen.write({"src/shop/mail.py": f"{distilgen.read('src/shop/mail.py')}{FORWARD}"})
    _set(distilgen, f"--mode {mode} --model ft:m --share 7%")
    distilgen("instrument", "src")
    text, before = distilgen.read("src/shop/mail.py"), distilgen.snapshot()
    distilgen.write({"src/shop/mail.py": text.replace(f"@_distil.reply.{mode}\n", "")})
    ran = distilgen("check")
    assert ran.out.endswith(
        f"lost its decorator; mend: distilgen rollout set shop.mail:reply --mode {mode} "
        "--share 7%\n"
    )
    _mended(distilgen, ran)
    assert distilgen.snapshot() == before


def test_all_is_lost_but_the_lock(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    _set(distilgen, "--mode canary --model ft:m")
    (distilgen.folder / SIDECAR).unlink()
    distilgen.write({"src/shop/mail.py": text})
    ran = distilgen("check")
    assert "distilgen.lock says that it is canary" in ran.out
    _mended(distilgen, ran)


def test_a_mode_without_a_model(distilgen: Cli) -> None:
    _set(distilgen, "--mode canary --model ft:m")
    distilgen.write({SIDECAR: distilgen.read(SIDECAR).replace('    model="ft:m",\n', "")})
    ran = distilgen("check")
    assert (
        "reply: is in canary mode without a model; "
        "mend: distilgen dispatch --mode canary --model NAME --only reply src/shop/mail.py\n"
    ) in ran.out


def test_a_mode_with_a_model_of_another_contract(distilgen: Cli) -> None:
    _set(distilgen, "--mode shadow --model ft:m")
    _train(distilgen, "0" * 32)
    ran = distilgen("check")
    assert ran.code == 1
    assert "its model ft:m was trained for another contract, 000000000000" in ran.out
    _mended(distilgen, ran)
    _set(distilgen, "--mode record")
    assert distilgen("check").code == 0


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("options", ["--mode shadow", "--mode canary --share 7%", "--record"])
def test_a_changed_contract_of_a_function_with_a_student(
    distilgen: Cli, options: str, trained: bool
) -> None:
    words = f"dispatch src --model ft:m --timeout 5 {options}"
    assert distilgen(*words.split()).code == 0
    served, decorated = settings(distilgen), "@_distil.reply.record" in _mail(distilgen)
    if trained:
        _train(distilgen, contract(distilgen).fingerprint)
    distilgen.write({
        "src/shop/mail.py": _mail(distilgen).replace("Answer a letter", "Answer letters") + FORWARD,
    })  # fmt: skip
    assert distilgen("instrument", "src/shop/mail.py", "--only", "reply").out == ""
    ran = distilgen("check")
    assert ("--accept-contract" in ran.out, "ft:m was trained for another" in ran.out) == (
        trained,
        trained,
    )
    _mended(distilgen, ran)
    assert settings(distilgen) == served
    assert ("@_distil.reply.record" in _mail(distilgen)) == decorated
    assert "_distil.forward" not in _mail(distilgen)


def _mail(distilgen: Cli) -> str:
    return distilgen.read("src/shop/mail.py")


@pytest.mark.parametrize("mode", ["canary", "dispatch", "record"])
def test_a_function_that_was_renamed_with_its_contract(distilgen: Cli, mode: str) -> None:
    distilgen.write({"src/shop/mail.py": f"{_mail(distilgen)}{FORWARD}"})
    _set(distilgen, f"--mode {mode} --model ft:m --timeout 5")
    text = _mail(distilgen).replace("def reply", "def answer")
    distilgen.write({"src/shop/mail.py": text.replace("_distil.reply", "_distil.answer")})
    for _ in range(2):  # each of the two findings by itself
        before = distilgen.snapshot()
        ran = distilgen("check")
        first, second = ran.out.splitlines()
        mends = [line.rpartition("; mend: distilgen ")[2] for line in (first, second)]
        assert "answer: has no contract" in first
        assert "reply: is gone" in second
        assert mends[0] == mends[1]
        assert distilgen(*mends[0].split()).code == 0
        assert distilgen("check").out == ""
        if mode != "record":
            assert "    timeout=5" in distilgen.read(SIDECAR)
        assert "_distil.forward" not in _mail(distilgen)
        distilgen.write({name: raw.decode() for name, raw in before.items()})


def test_a_function_that_is_gone(distilgen: Cli) -> None:
    text = _mail(distilgen)
    distilgen.write({"src/shop/mail.py": f"{text}{FORWARD}{FORWARD.replace('forward', 'back')}"})
    _set(distilgen, "--mode canary --model ft:m")
    distilgen("rollout", "set", "forward", "--mode", "shadow", "--model", "ft:n")
    sidecar = distilgen.read(SIDECAR)
    kept = _mail(distilgen).replace("@_distil.forward.shadow\n", "").replace(FORWARD, "")
    distilgen.write({"src/shop/mail.py": kept})
    ran = distilgen("check")
    assert ran.out.endswith("; mend: distilgen restore --only forward src/shop/mail.py\n")
    _mended(distilgen, ran)
    assert _mail(distilgen) == kept
    assert sidecar.startswith(distilgen.read(SIDECAR).rstrip())


def test_a_deleted_sidecar_is_one_finding(distilgen: Cli) -> None:
    _set(distilgen, "--mode canary --model ft:m")
    (distilgen.folder / SIDECAR).unlink()
    ran = distilgen("check")
    assert ran.out == (
        "src/shop/mail.py:8: reply: has no contract in _mail_distil.py; "
        f"mend: git checkout HEAD -- {SIDECAR}\n"
    )


def test_scan_and_show_tell_the_mode(distilgen: Cli) -> None:
    _set(distilgen, "--mode canary --model ft:m --share 5%")
    assert distilgen("scan").out.count("canary to ft:m") == 1
    shown = distilgen("show", "shop.mail:reply").out
    assert shown.startswith("shop.mail:reply  src/shop/mail.py:8  canary; model ft:m, share 5%\n")
    (found,) = json.loads(distilgen("scan", "--format", "json").out)["functions"]
    assert (found["state"], found["model"]) == ("canary", "ft:m")
    _set(distilgen, "--mode dispatch --record")
    assert "  dispatched and recorded; model ft:m\n" in distilgen("show", "shop.mail:reply").out
    _set(distilgen, "--mode record")
    (found,) = json.loads(distilgen("scan", "--format", "json").out)["functions"]
    assert (found["state"], found["model"]) == ("recorded", None)
    assert settings(distilgen) == {"model": "ft:m"}
