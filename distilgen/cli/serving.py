"""Which calls a student gets, and how it is asked: the options of `dispatch` and `rollout set`."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from distilgen import contract as contracts, servers
from distilgen.cli import hosts, students
from distilgen.errors import UsageError
from distilgen.rewrite import contracts_file
from distilgen.rewrite.routes import BESIDE, OF_BESIDE, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from distilgen import lock
    from distilgen.config import Config
    from distilgen.contract import Contract
    from distilgen.project import Project
    from distilgen.rewrite.module import Planned
    from distilgen.rewrite.routes import Mode
    from distilgen.rewrite.steps import Wish

_NONE = "none"
_ALL = 100  # percent
_MODES: Mapping[Mode, str] = {
    "record": "the function answers, and its calls are recorded",
    "dispatch": "the model answers, in the place of the function",
    "shadow": "the function answers, and the model is asked beside it",
    "canary": "the model answers a share of the calls",
    "fallback": "the model answers, and where it fails, the function",
}


provider = click.option(
    "--provider", metavar="NAME", help="A profile in [tool.distilgen.providers.NAME]."
)


class _Value(NamedTuple):
    """The value of an option that was given; None for `none`."""

    value: Any


if TYPE_CHECKING:
    _ParamType = click.ParamType[_Value]
else:
    _ParamType = click.ParamType  # generic as of click 8.2 and later alone


class _AdviceError(ValueError):
    """A text is no value; what to write instead, or why not."""


class _Setting(_ParamType):
    """A contract's setting, or `none` to have none. read: a text as its value, or ValueError."""

    def __init__(self, field: str, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._fits = contracts_file.NUMBERS.get(field, lambda _: True)
        self._read = read

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> _Value:
        if value == _NONE:
            return _Value(None)
        message = f"{value!r} is no {self.name}"
        try:
            read = self._read(value)
            if self._fits(read):
                return _Value(read)
        except servers.SecretError as error:
            message = str(error)
        except _AdviceError as error:
            message += f": {error}"
        except ValueError:
            pass
        raise click.BadParameter(message, ctx, param)


def _share(text: str) -> float:
    """`10%` and `0.1` are the same; `1` might be meant either way."""
    value = float(text.removesuffix("%"))
    if text.endswith("%"):
        return round(value / 100, 12)
    if 0 < value <= _ALL and "." not in text:
        raise _AdviceError(f"write {value:g}% or {value / 100:g}")
    return value


def _share_below_all(text: str) -> float:
    """As `_share`, of what calls are to prove."""
    if float(text.removesuffix("%")) == (_ALL if "." not in text or text.endswith("%") else 1):
        raise _AdviceError("no number of calls could prove that")
    return _share(text)


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text


def _answers(text: str) -> str:
    if text not in contracts.ANSWERS:
        raise ValueError(text)
    return text


_PERCENT = ("share from 0% to 100%", "PERCENT", _share)
_NOT_ALL = ("share from 0% to below 100%", "PERCENT", _share_below_all)
_SECONDS = ("number of seconds above 0", "SECONDS", float)
_COUNT = ("whole number from 0", "N", int)
_SIZE = ("whole number from 1", "N", int)

_SETTINGS: Mapping[str, tuple[tuple[str, str, Callable[[str], Any]], str]] = {
    "model": (
        ("name of a model", "NAME", _text),
        "Who answers, for example ft:gpt-4.1-mini:acme::abc; latest: whom `train` made last.",
    ),
    "backup": (
        ("name of a model", "NAME", _text),
        "The model behind a server that is asked where the embedded student does not answer.",
    ),
    "base_url": (
        ("URL", "URL", servers.base_url),
        "An OpenAI-compatible server; default: the client's own.",
    ),
    "api_key_env": (
        ("name of a variable", "NAME", servers.variable),
        "The environment variable that has the server's key.",
    ),
    "answers": (
        (f"way to answer: {', '.join(contracts.ANSWERS)}", "HOW", _answers),
        f"How the model answers: {', '.join(contracts.ANSWERS)}; default: as it was trained.",
    ),
    "timeout": (_SECONDS, "How long to wait for an answer."),
    "reasks": (_COUNT, "How often an answer that is none is asked for again."),
    "share": (
        _PERCENT,
        "Calls that the model answers (canary: 10%, fallback: all) or is asked (shadow: all).",
    ),
    "pairs": (
        _PERCENT,
        "Of the calls that canary and fallback leave to the function, those that it is asked, too.",
    ),
    "min_agreement": (_NOT_ALL, "Back to the function, when the two agree less often."),
    "max_failures": (_PERCENT, "Back to the function, when the model fails more often."),
    "window": (_SIZE, "Of how many of the last calls these two are."),
    "pause": (_SECONDS, "How long it is back to the function."),
    "min_confidence": (
        _PERCENT,
        "Back to the function for a call of which the model is less sure.",
    ),
}


class Said(NamedTuple):
    """What the options say. mode, record, provider: None where they say nothing of it. settings: of
    the contract, by their names; None for those that it is to have no more. accepts: a model that
    was trained for another contract is taken.
    """

    mode: Mode | None
    record: bool | None
    provider: str | None
    settings: Mapping[str, Any]
    accepts: bool


def options(*modes: Mode) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The options of a command that serves students in some modes: `said`."""

    def decorated(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def command(**given: Any) -> int:
            found = {name: given.pop(name) for name in _SETTINGS}
            settings = {name: value.value for name, value in found.items() if value}
            said = Said(
                given.pop("way"),
                _either(given.pop("record"), given.pop("no_record")),
                given.pop("provider"),
                settings,
                given.pop("accept_contract"),
            )
            return function(said=said, **given)

        made: Callable[..., int] = command
        for decorate in reversed(tuple(_options(modes))):
            made = decorate(made)
        return made

    return decorated


def _either(yes: bool, no: bool) -> bool | None:
    if yes and no:
        raise UsageError("--record or --no-record, not both")
    return yes if yes or no else None


def _options(modes: tuple[Mode, ...]) -> Iterator[Callable[..., Any]]:
    text = "; ".join(f"{mode}: {_MODES[mode]}" for mode in modes)
    yield click.option("--mode", "way", type=click.Choice(modes), help=f"{text}.")
    yield click.option(
        "--record",
        is_flag=True,
        help="In dispatch mode, record the model's answers, as a teacher's.",
    )
    yield click.option("--no-record", is_flag=True, help="In dispatch mode, record nothing.")
    yield provider
    for name, ((what, metavar, read), text) in _SETTINGS.items():
        kind = _Setting(name, what, read)
        yield click.option(f"--{name.replace('_', '-')}", metavar=metavar, type=kind, help=text)
    yield click.option(
        "--accept-contract",
        is_flag=True,
        help="Take a model that was trained for another contract.",
    )


def served(
    contract: Contract, said: Said, project: Project, known: lock.Lock, module: Path
) -> Contract:
    """A contract with the settings that are said; else with its own; else, without a model, as
    configured; else, as to how it answers, as its model was trained. known: the project's lock.
    module: its file. Raises UsageError: a profile or a model that is not there.
    """
    config = project.config
    had = {name: getattr(contract, name) for name in contracts_file.SETTINGS}
    kept = {name: value for name, value in had.items() if value is not None}
    model = kept.get("model")
    configured = {} if model else _configured(config)
    wanted = said.settings.get("model", configured.get("model"))
    name = students.named(wanted, contract, known) if wanted else None
    trained = known.models.get(name or model or "")
    profile = said.provider
    placed = configured.get("base_url") or "base_url" in said.settings
    if name and trained and not (profile or placed):
        owner = config.profile(trained.provider)
        if owner and owner.base_url:
            profile = trained.provider  # whose model it is
    new = {**_named(config, profile, said.settings.get("base_url")), **said.settings}
    if name:
        new["model"] = name
    if "base_url" in said.settings and "api_key_env" not in said.settings:
        new["api_key_env"] = hosts.usual_key(config, profile)  # a key is one server's
    settings = {**dict.fromkeys(contracts_file.SETTINGS), **configured, **kept, **new}
    settings |= _embedded(settings, new, project, module)
    taught = trained.answers if trained and settings["model"] != model else None
    answers = new.get("answers") or configured.get("answers") or taught
    settings["answers"] = answers or kept["answers"]
    return replace(contract, **settings)


def _embedded(
    settings: Mapping[str, Any], new: Mapping[str, Any], project: Project, module: Path
) -> dict[str, Any]:
    """What is settled by whether a model runs inside the process. Raises UsageError."""
    model = settings["model"]
    if not students.is_embedded(model):
        if new.get("backup"):
            raise UsageError(f"--backup: {model} is no embedded student, and does not abstain")
        return {"student": None, "backup": None}
    place = students.beside(module.parent, students.file_of(project, model))
    if settings["backup"] is None:
        if new.get("base_url"):
            raise UsageError(f"--base-url: {model} needs no server; is it that of a --backup?")
        return {"student": place, "base_url": None, "api_key_env": None}
    return {"student": place}


def refuse_abstention(contract: Contract, said: Said) -> None:
    """Raises UsageError where nobody would answer the calls that an embedded student abstains from,
    and that is not said on purpose.
    """
    if said.mode is None and contract.student is not None and contract.backup is None:
        raise UsageError(
            f"{contract.model} does not answer every call, and who answers the others? --mode "
            "fallback: the function; --backup NAME: a model behind a server; --mode dispatch: "
            "nobody, they raise LowConfidenceError"
        )


def moved(contract: Contract, said: Said, before: Route | None, after: Route) -> Contract:
    """A contract that is served in another mode: a share belongs to its mode."""
    if "share" in said.settings or (before and before.mode == after.mode):
        return contract
    return replace(contract, share=None)


def route(said: Said, mode: Mode, before: Route | None) -> Route:
    """Where the calls of a function go in a mode: a stub that is recorded stays so, unless it is
    said. Raises UsageError for what is said and means nothing in the mode.
    """
    refuse_contradictions(said, mode)
    records = (before is not None and before.records) if said.record is None else said.record
    return Route(mode, records and mode == "dispatch")


def _configured(config: Config) -> dict[str, Any]:
    dispatch = config.dispatch
    if dispatch.provider:
        hosts.url_of(config, dispatch.provider, dispatch.base_url)
    profile = _profile(config, dispatch.provider)
    return {"model": dispatch.model, "base_url": dispatch.base_url, **profile}


def _named(config: Config, name: str | None, base_url: str | None) -> dict[str, Any]:
    """A profile that is named: no other server's key goes to its server, nor its key to another.
    base_url: the server that is said besides.
    """
    if name is None:
        return {}
    url = hosts.url_of(config, name, base_url)
    return {"api_key_env": None, **_profile(config, name), "base_url": url}


def _profile(config: Config, name: str | None) -> dict[str, Any]:
    """What a profile says of how a model is asked."""
    if name is None:
        return {}
    found = vars(hosts.profile_of(config, name))
    return {key: found[key] for key in contracts_file.SETTINGS if found.get(key) is not None}


def server_of(config: Config, provider: str | None, base_url: str | None) -> tuple[str | None, str]:
    """(the URL of a server, None for the client's own; the environment variable that has its key),
    as they are said, else as configured. Raises UsageError: a profile that is not there.
    """
    if base_url:  # a key is one server's
        return base_url, hosts.usual_key(config, provider) or "OPENAI_API_KEY"
    found = _named(config, provider, None) or _configured(config)
    return found.get("base_url"), found.get("api_key_env") or "OPENAI_API_KEY"


def refuse_contradictions(said: Said, mode: Mode) -> None:
    """Raises UsageError for what is said and means nothing in a mode."""
    if said.record and mode != "dispatch":
        raise UsageError(f"--record: in {mode} mode, every call leaves a record anyway")
    given = [name for name, value in said.settings.items() if value is not None]
    for name in OF_BESIDE:
        if name in given and mode not in BESIDE:
            who = "student" if mode == "dispatch" else "teacher"
            raise UsageError(
                f"--{name.replace('_', '-')}: in {mode} mode, the {who} answers all calls alone; "
                f"--mode {', '.join(BESIDE)} have both"
            )
    if "pairs" in given and mode == "shadow":
        raise UsageError("--pairs: in shadow mode, --share says which calls the student is asked")


def misfit(contract: Contract, said: Said, known: lock.Lock) -> str:
    """Why a contract's model is not to be taken; empty where it is."""
    entry = known.functions.get(contract.function)
    accepted = entry is not None and entry.accepts(contract.fingerprint, contract.model)
    if not _is_foreign(contract, known):
        return ""
    if contract.student is not None:  # which knows its contract, and answers to no other
        return f"{contract.model} was trained for another contract; train it anew"
    if said.accepts or accepted:
        return ""
    return f"{contract.model} was trained for another contract, --accept-contract takes it"


def accepted(planned: Planned, wishes: Iterable[Wish], said: Said, known: lock.Lock) -> Planned:
    """A plan after which the lock says which models are taken, though they were trained for another
    contract.
    """
    states = dict(planned.states)
    for wish in wishes if said.accepts else ():
        contract = wish.contract
        now = states.get(contract.function)
        if now and now.model == contract.model and _is_foreign(contract, known):
            states[contract.function] = replace(now, accepted=True)
    return replace(planned, states=states)


def _is_foreign(contract: Contract, known: lock.Lock) -> bool:
    model = known.models.get(contract.model or "")
    return model is not None and model.contract != contract.fingerprint
