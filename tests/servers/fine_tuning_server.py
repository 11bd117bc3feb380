"""A host with OpenAI's fine-tuning API on the loopback interface, which keeps state.

Files, uploads in parts, fine-tuning jobs with what they log and leave, and the models that they
make. Nothing is learnt: a tuned model replays its training file. What goes wrong, and when, is a
test's to say:

    with FineTuningServer() as host:
        host.life = ("validating_files", "running", "failed")
        host.fail("jobs.create", busy(2))
        host.drop("files.create", done=True)

Each request is of a kind, such as `jobs.create`; `kinds` has those that came in, in their order,
and `ANY` is any of them.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fine_tuning_answers import RefusedError, listed, refuse, rows_of
from fine_tuning_files import Files
from fine_tuning_job import LIFE, PAUSED, TuningJob, encoded
from openai_server import OpenAIServer, Request, Response, completion, error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    Answer = Callable[[dict[str, Any]], Mapping[str, Any] | Response]

ANY = "*"
START = 1_795_305_600.0  # 2026-11-22, 00:00 UTC
OPENAI, AZURE, NEBIUS = "openai", "azure", "nebius"
LEAST_ROWS = 10

_BOM = b"\xef\xbb\xbf"
_COMMON = ("model", "training_file", "validation_file", "suffix", "seed", "integrations")
_TAKEN = {
    OPENAI: {*_COMMON, "method", "hyperparameters", "metadata"},
    AZURE: {*_COMMON, "method", "hyperparameters", "metadata", "trainingType"},
    NEBIUS: {*_COMMON, "hyperparameters", "metadata"},
}
"""What may stand in a question for a job, by the shape of the host."""


def busy(seconds: float) -> Response:
    """Too many requests; come again in so many seconds."""
    refused = error(429, "Rate limit reached", "rate_limit_exceeded")
    return Response(429, refused.body, {"Retry-After": f"{seconds:g}"})


def closed() -> Response:
    """OpenAI's answer to those who may not make jobs any more."""
    message = "Fine-tuning is not available to your organization."
    return error(403, message, "training_not_available")


@dataclass
class _Fault:
    kind: str
    nth: int
    times: int
    response: Response | None
    done: bool
    seen: int = 0

    def takes(self, kind: str) -> bool:
        if self.kind not in (kind, ANY):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class FineTuningServer(OpenAIServer, Files):
    """Serves while its `with` block runs. All that a test may change or look at, besides what
    `Files` has:

    jobs: by id.
    kinds: the kinds of all requests, in order of arrival.
    answers: who answers for a model, by its name: from the body of a question for a chat completion
    to that of the completion, or a Response. Tuned models are added as they are made.
    key: the only API key that is taken; None for any.
    tunable: the models that may be tuned; None for any.
    life: the states of jobs that are created from now on; the first is what `create` answers, and
    each look at the job goes on by one. state_seconds: or else each takes so many seconds of `now`.
    failure, said: what jobs that fail then have as `error`, and log as an event of level error.
    steps: that a job makes each time that it is in `running`.
    base64_results: are result files sent in base64?
    hides: fields of jobs that this host does not have.
    """

    def __init__(self, shape: str = OPENAI) -> None:
        OpenAIServer.__init__(self, self._respond)
        Files.__init__(self, START)
        self.shape = shape
        self.jobs: dict[str, TuningJob] = {}
        self.kinds: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.key: str | None = None
        self.tunable: Collection[str] | None = None
        self.life: Sequence[str] = LIFE
        self.state_seconds: float | None = None
        self.failure: dict[str, Any] | None = {
            "code": "invalid_training_file",
            "message": "row 3 is too long",
            "param": "training_file",
        }
        self.said = ""
        self.steps = 3
        self.base64_results = False
        self.hides: Collection[str] = ()
        self._faults: list[_Fault] = []
        self._turn = threading.RLock()

    def fail(
        self, kind: str, response: Response, *, nth: int = 1, times: int = 1, done: bool = False
    ) -> None:
        """Answer so to the `nth` request of a kind from now on, and to `times` of them. done: after
        having done what was asked.
        """
        self._faults.append(_Fault(kind, nth, times, response, done))

    def drop(self, kind: str, *, nth: int = 1, times: int = 1, done: bool = False) -> None:
        """The same, but hang up without an answer."""
        self._faults.append(_Fault(kind, nth, times, None, done))

    def heal(self) -> None:
        """Nothing fails any more."""
        self._faults.clear()

    def _answer(self, request: Request) -> Response:
        with self._turn:
            self.requests.append(request)
            kind, _ = self._work(request)
            self.kinds.append(kind)
            faults = [fault for fault in self._faults if fault.takes(kind)]
            if not faults:
                return self._respond(request)
            if faults[0].done:
                self._respond(request)
            if faults[0].response is None:
                raise ConnectionAbortedError  # the handler hangs up
            return faults[0].response

    def _respond(self, request: Request) -> Response:
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, "Incorrect API key provided.", "invalid_api_key")
        _, work = self._work(request)
        try:
            return work()
        except RefusedError as refused:
            return refused.response
        except Exception as problem:  # noqa: BLE001 - told to the client, as a server would
            return error(500, f"{type(problem).__name__}: {problem}", "internal_error")

    def _work(self, request: Request) -> tuple[str, Callable[[], Response]]:
        """The kind of a request, and what does it."""
        path, _, query = request.path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        parts = [urllib.parse.unquote(part) for part in path.partition("/v1/")[2].split("/")]
        match request.method, parts:
            case "POST", ["files"]:
                return "files.create", lambda: self.create_file(request)
            case "GET", ["files"]:
                return "files.list", lambda: self.list_files(asked)
            case "GET", ["files", name]:
                return "files.retrieve", lambda: self.retrieve_file(name)
            case "GET", ["files", name, "content"]:
                return "files.content", lambda: Response(body=self.the_file(name).content)
            case "DELETE", ["files", name]:
                return "files.delete", lambda: self.delete_file(name)
            case "POST", ["uploads"]:
                return "uploads.create", lambda: self.create_upload(request.json())
            case "POST", ["uploads", name, "parts"]:
                return "uploads.parts", lambda: self.add_part(name, request)
            case "POST", ["uploads", name, "complete"]:
                return "uploads.complete", lambda: self.complete_upload(name, request.json())
            case "POST", ["uploads", name, "cancel"]:
                return "uploads.cancel", lambda: self.cancel_upload(name)
            case "POST", ["fine_tuning", "jobs"]:
                return "jobs.create", lambda: self._create_job(request.json())
            case "GET", ["fine_tuning", "jobs"]:
                return "jobs.list", lambda: self._list_jobs(asked)
            case "GET", ["fine_tuning", "jobs", name]:
                return "jobs.retrieve", lambda: self._retrieve_job(name)
            case "POST", ["fine_tuning", "jobs", name, ("cancel" | "pause" | "resume") as verb]:
                return f"jobs.{verb}", lambda: self._change_job(name, verb)
            case "GET", ["fine_tuning", "jobs", name, "events"]:
                return "jobs.events", lambda: listed(self._job(name).events[::-1], asked, self.page)
            case "GET", ["fine_tuning", "jobs", name, "checkpoints"]:
                return "jobs.checkpoints", lambda: listed(
                    self._job(name).checkpoints, asked, self.page
                )
            case "GET", ["models"]:
                return "models.list", lambda: listed(list(self._models()), asked, self.page)
            case "GET", ["models", name]:
                return "models.retrieve", lambda: Response(body=self._model(name))
            case "DELETE", ["models", name]:
                return "models.delete", lambda: self._delete_model(name)
            case "POST", ["chat", "completions"]:
                return "chat.completions", lambda: self._complete_chat(request.json())
        unknown = error(404, f"Unknown request URL: {request.method} {path}", "unknown_url")
        return "unknown", lambda: unknown

    # fine-tuning jobs

    def _create_job(self, wanted: dict[str, Any]) -> Response:
        self._check(wanted)
        self.made["job"] += 1
        name = f"ftjob-{self.made['job']}"
        sent = wanted.get("hyperparameters") or {}
        if "method" in wanted:
            sent = wanted["method"].get("supervised", {}).get("hyperparameters") or {}
        used = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 2.0}
        used |= {key: value for key, value in sent.items() if value != "auto"}
        suffix = wanted.get("suffix") or ""
        body: dict[str, Any] = {
            "object": "fine_tuning.job",
            "id": name,
            "model": wanted["model"],
            "created_at": int(self.now),
            "finished_at": None,
            "estimated_finish": None,
            "fine_tuned_model": None,
            "organization_id": "org-acme",
            "result_files": [],
            "status": self.life[0],
            "training_file": wanted["training_file"],
            "validation_file": wanted.get("validation_file"),
            "hyperparameters": used,
            "trained_tokens": None,
            "error": {},
            "user_provided_suffix": suffix or None,
            "seed": wanted.get("seed", 42),
            "integrations": [],
            "metadata": wanted.get("metadata") or {},
        }
        if self.shape != NEBIUS:
            body["method"] = {"type": "supervised", "supervised": {"hyperparameters": used}}
        job = TuningJob(
            body, wanted, list(self.life[1:]), self.steps, self.failure, self.said, self.now,
            f"ft:{wanted['model']}:acme:{suffix}:{self.made['job']}",
        )  # fmt: skip
        self.jobs[name] = job
        job.log(f"Created fine-tuning job: {name}", self.now)
        job.log(f"Validating training file: {wanted['training_file']}", self.now)
        return Response(body=self._shown(job))

    def _check(self, wanted: Mapping[str, Any]) -> None:
        """Raises what a host answers to what it does not take."""
        for key in wanted:
            if key not in _TAKEN[self.shape]:
                raise refuse(400, f"Unrecognized request argument supplied: {key}", None)
        if self.tunable is not None and wanted["model"] not in self.tunable:
            message = f"Model {wanted['model']} is not available for fine-tuning."
            raise refuse(400, message, "model_not_available")
        for key in ("training_file", "validation_file"):
            if wanted.get(key) is not None:
                self._check_file(key, wanted[key])
        if len(wanted.get("suffix") or "") > 64:
            raise refuse(400, "suffix is too long: at most 64 characters", None)
        metadata = wanted.get("metadata") or {}
        if len(metadata) > 16 or any(len(k) > 64 or len(v) > 512 for k, v in metadata.items()):
            raise refuse(400, "metadata: at most 16 pairs of 64 and 512 characters", None)

    def _check_file(self, key: str, name: str) -> None:
        if not self.has_file(name):
            raise refuse(400, f"invalid {key}: {name}", f"invalid_{key}")
        file = self.files[name]
        if file.body["status"] == "error":
            raise refuse(400, f"File '{name}' is in state error.", f"invalid_{key}")
        if file.body["purpose"] != "fine-tune":
            raise refuse(400, f"File '{name}' is not for fine-tuning.", f"invalid_{key}")
        if self.shape == AZURE and not file.content.startswith(_BOM):
            raise refuse(400, f"File '{name}' is not in UTF-8 with BOM.", f"invalid_{key}")
        try:
            encoding = "utf-8-sig" if self.shape == AZURE else "utf-8"
            rows = rows_of(file.content.decode(encoding))
        except ValueError as problem:
            raise refuse(400, f"Invalid file format: {problem}", f"invalid_{key}") from None
        if key == "training_file" and len(rows) < LEAST_ROWS:
            message = f"Training file has {len(rows)} example(s), but must have at least 10"
            raise refuse(400, f"{message} examples", "invalid_n_examples")

    def _job(self, name: str) -> TuningJob:
        if name not in self.jobs:
            message = f"Could not find fine tune: {name}"
            raise refuse(404, message, "fine_tune_not_found")
        job = self.jobs[name]
        if self.state_seconds is not None:
            job.pass_time(self.now, self.state_seconds)
            self._bring_in(job)
        return job

    def _bring_in(self, job: TuningJob) -> None:
        """What a job that has just succeeded leaves is there from now on."""
        if job.state != "succeeded" or job.body["result_files"]:
            return
        content = encoded(job.result()) if self.base64_results else job.result()
        name = "step_metrics.csv"
        result = self.add_file(content, name, purpose="fine-tune-results")
        result.body["status"], result.to_come = "processed", []
        job.body["result_files"] = [result.body["id"]]
        training = self.files.get(job.wanted["training_file"])
        rows = rows_of(training.content.decode("utf-8-sig")) if training else []
        self.answers.setdefault(job.model, replaying(rows, job.model))

    def _shown(self, job: TuningJob) -> dict[str, Any]:
        return {key: value for key, value in job.body.items() if key not in self.hides}

    def _retrieve_job(self, name: str) -> Response:
        job = self._job(name)
        if self.state_seconds is None:
            job.advance(self.now)
            self._bring_in(job)
        return Response(body=self._shown(job))

    def _list_jobs(self, asked: Mapping[str, str]) -> Response:
        wanted = {
            key.removeprefix("metadata[").removesuffix("]"): value
            for key, value in asked.items()
            if key.startswith("metadata[") and "metadata" not in self.hides
        }
        found = [
            self._shown(self._job(name))
            for name, job in reversed(self.jobs.items())
            if wanted.items() <= job.body["metadata"].items()
        ]
        return listed(found, asked, self.page)

    def _change_job(self, name: str, verb: str) -> Response:
        job = self._job(name)
        paused = job.state == PAUSED
        fits = {"cancel": not job.ended, "pause": not (job.ended or paused), "resume": paused}
        if not fits[verb]:
            raise refuse(400, f"A job that is {job.state} cannot {verb}.", "invalid_state")
        getattr(job, verb)(self.now)
        return Response(body=self._shown(job))

    # models

    def _models(self) -> Iterator[dict[str, Any]]:
        names = dict.fromkeys([*(self.tunable or ()), *self.answers])
        for name in names:
            yield {
                "id": name,
                "object": "model",
                "created": int(START),
                "owned_by": "org-acme" if name.startswith("ft:") else "system",
            }

    def _model(self, name: str) -> dict[str, Any]:
        found = next((model for model in self._models() if model["id"] == name), None)
        if found is None:
            raise _no_model(name)
        return found

    def _delete_model(self, name: str) -> Response:
        if self._model(name)["owned_by"] == "system":
            raise refuse(403, f"The model '{name}' is not yours to delete.", None)
        del self.answers[name]
        return Response(body={"id": name, "object": "model", "deleted": True})

    def _complete_chat(self, asked: dict[str, Any]) -> Response:
        if asked["model"] not in self.answers:
            raise _no_model(asked["model"])
        answer = self.answers[asked["model"]](asked)
        return answer if isinstance(answer, Response) else Response(body=answer)


def replaying(rows: Sequence[Mapping[str, Any]], model: str) -> Answer:
    """Answers questions with the rows that they are in, as `openai_server.replay` does: by their
    messages; the last such row answers.
    """
    known = {json.dumps(row["messages"][:-1]): row["messages"][-1] for row in rows}

    def answer(asked: dict[str, Any]) -> Mapping[str, Any] | Response:
        found = known.get(json.dumps(asked["messages"]))
        if found is None:
            message = f"{model} replays its training rows, and none of them has this call."
            return error(400, message, "not_in_the_rows")
        reason = "tool_calls" if "tool_calls" in found else "stop"
        body = completion(model, None, "", finish_reason=reason)
        body["choices"][0]["message"] |= found
        return body

    return answer


def _no_model(name: str) -> RefusedError:
    return refuse(404, f"The model `{name}` does not exist", "model_not_found")
