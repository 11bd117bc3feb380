"""Asking the embedded student of a contract: a file that is read at the first question."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.contract import RESULT_KEY, canonical_json
from distilgen.errors import InvalidAnswerError, LowConfidenceError, StudentError
from distilgen.runtime import answers
from distilgen.runtime.answers import WrongAnswerError
from distilgen.runtime.call import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import TypeAdapter

    from distilgen.contract import Contract
    from distilgen.embedded.model import Model


class InProcess:
    """The embedded student of a contract that names one. folder: that of the contract's sidecar."""

    def __init__(self, contract: Contract, folder: Path | None) -> None:
        self._contract = contract
        self._folder = folder
        self._model: Model | None = None
        self._wrong = ""

    def answer(
        self, adapter: TypeAdapter[Any], given: Mapping[str, Any], sure: float | None
    ) -> tuple[Any, float]:
        """(the value of its answer, how sure it is of that, 0 to 1). given: the arguments as JSON
        values. sure: from which confidence on an answer counts, besides its own least.

        Raises StudentError, LowConfidenceError where it abstains, InvalidAnswerError; nothing else,
        for there is somebody who answers then.
        """
        contract = self._contract
        model = self._loaded()
        try:
            value, confidence, why = model.answer(given, sure or 0.0)
            text = canonical_json({RESULT_KEY: value} if contract.wraps_result else value)
        except Exception as error:  # whatever its file makes of whatever arguments
            what = told(error)["message"] or type(error).__name__
            message = f"{contract.function}: {contract.model} failed: {what}"
            raise StudentError(message) from error
        if why:
            message = f"{contract.function}: {contract.model} {why}"
            raise LowConfidenceError(message, confidence=confidence)
        try:
            return answers.validated(contract, adapter, text), confidence
        except WrongAnswerError as wrong:
            message = f"{contract.function}: {contract.model} {wrong.what}"
            raise InvalidAnswerError(
                message, kind=wrong.kind, answer=wrong.said, error=wrong.error
            ) from wrong.error

    def _loaded(self) -> Model:
        """Raises StudentError, the second time from memory. Two threads may both read the file."""
        if self._model is None:
            if self._wrong:
                raise StudentError(self._wrong)
            try:
                self._model = self._read()
            except StudentError as error:
                self._wrong = str(error)
                raise
        return self._model

    def _read(self) -> Model:
        from distilgen.embedded import file  # noqa: PLC0415 - few contracts have one

        contract = self._contract
        if self._folder is None or contract.student is None:
            raise StudentError(
                f"{contract.function}: nobody knows where {contract.student} is, as its contract "
                "is not made in a sidecar file"
            )
        try:
            model = file.load(Path(os.path.normpath(self._folder / contract.student)))
        except StudentError as error:
            raise StudentError(f"{contract.function}: {error}") from error
        if model.contract != contract.fingerprint:
            raise StudentError(
                f"{contract.function}: {contract.student} was trained for another contract, "
                f"{model.contract[:12]}; train it anew"
            )
        return model
