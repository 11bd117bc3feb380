"""TRL's trainer, set as a run says; what it tells while it trains, and how it is stopped."""

from __future__ import annotations

import difflib
import importlib
import math
import os
import signal
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from distilgen.errors import TrainingError, UsageError
from distilgen.training.trl_run.process import STOPPED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.training.trl_run.folder import Run
    from distilgen.training.trl_run.tokens import Encoded

_LINES, _STEPS_APART, _KEPT = 20, 200, 2
_TOLD = (
    "loss", "eval_loss", "num_tokens", "learning_rate", "epoch", "mean_token_accuracy",
    "eval_mean_token_accuracy",
)  # fmt: skip


class Stop:
    """SIGTERM: while there is nothing to lose, the process ends; later it does after the step, with
    a checkpoint. Several processes have to end at the same step, and so just end.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.waits = False
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, _number: int, _frame: object) -> None:
        if not self.waits:
            raise SystemExit(STOPPED[0])
        self.wanted = True


def trainer_of(
    run: Run,
    config: Mapping[str, Any],
    model: Any,
    tokenizer: Any,
    rows: Mapping[str, list[Encoded]],
    *,
    gpu: bool,
) -> Any:
    """The trainer of a run's rows. Raises UsageError for settings that it does not know."""
    said = config["settings"]
    datasets, peft, torch, trl = map(_package, ("datasets", "peft", "torch", "trl"))
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    each = max(said["batch_size"] // processes, 1)
    lora = {"r": said["lora_rank"], "lora_alpha": 2 * said["lora_rank"],
            "target_modules": "all-linear"} if said["method"] == "lora" else {}  # fmt: skip
    sft = {
        "output_dir": str(run.checkpoints),
        "num_train_epochs": said["epochs"],
        "per_device_train_batch_size": each,
        "per_device_eval_batch_size": each,
        "learning_rate": said["learning_rate"],
        "seed": said["seed"],
        "max_length": None,  # a longer row was left out, and none is cut
        "report_to": "none",
        "disable_tqdm": True,
        "bf16": gpu and torch.cuda.is_bf16_supported(),
        "gradient_checkpointing": gpu,
        "dataloader_pin_memory": gpu,
        "logging_nan_inf_filter": False,  # or a loss that is no number is told as 0
        "save_strategy": "steps",
        "save_total_limit": _KEPT,
        "logging_first_step": True,
        "eval_strategy": "epoch" if "validation" in rows else "no",
    }
    known = {item.name for item in fields(trl.SFTConfig)}
    of_lora = {item.name for item in fields(peft.LoraConfig)} if lora else set()
    for key, value in said.get("more", {}).items():
        if key in known:
            sft[key] = value
        elif key in of_lora:
            lora[key] = value
        else:
            near = difflib.get_close_matches(key, known | of_lora, 1)
            meant = f", did you mean {near[0]}?" if near else ""
            raise UsageError(f"--set {key}: is no setting of TRL's SFTConfig{meant}")
    tables = {
        split: datasets.Dataset.from_dict({
            "input_ids": [row.ids for row in kept],
            "labels": [row.labels for row in kept],
        })
        for split, kept in rows.items()
    }  # fmt: skip
    steps = math.ceil(len(rows["train"]) / (each * processes))
    try:
        steps = max(steps // sft.get("gradient_accumulation_steps", 1), 1)
        sft.setdefault("save_steps", min(steps, _STEPS_APART))
        sft.setdefault("logging_steps", max(int(steps * said["epochs"]) // _LINES, 1))
        return trl.SFTTrainer(
            model=model,
            args=trl.SFTConfig(**sft),
            train_dataset=tables["train"],
            eval_dataset=tables.get("validation"),
            processing_class=tokenizer,
            peft_config=peft.LoraConfig(task_type="CAUSAL_LM", **lora) if lora else None,
        )
    except (TypeError, ValueError, ZeroDivisionError) as error:
        if said.get("more"):
            given = ", ".join(said["more"])
            raise UsageError(f"TRL takes not what is set ({given}): {error}") from error
        raise


def ran_away(step: int) -> str:
    """What to say of weights that are no numbers any more."""
    return (
        f"at step {step}, it gives no numbers any more: its weights grew too fast; say a smaller "
        "--learning-rate"
    )


def watching(run: Run, stop: Stop, *, speaks: bool) -> Any:
    """Tells what the trainer logs, which checkpoints are whole, and when it is to end.
    A loss that is no number ends it at once, by a TrainingError.
    """
    began = time.monotonic()

    class Watch(_package("transformers").TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if speaks:
                run.tell("training", step=state.global_step, steps=state.max_steps)

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            found = {
                key: round(float(value), 6) for key, value in (logs or {}).items() if key in _TOLD
            }
            losses = [found[key] for key in ("loss", "eval_loss") if key in found]
            if state.global_step and not all(map(math.isfinite, losses)):
                raise TrainingError(ran_away(state.global_step))
            if speaks and losses:
                spent = round(time.monotonic() - began, 3)
                run.tell("log", step=state.global_step, seconds=spent, **found)

        def on_save(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if speaks:
                run.complete(state.global_step)
                run.tell("checkpoint", step=state.global_step)

        def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
            if stop.wanted:
                control.should_save = control.should_training_stop = True

    return Watch()


def _package(name: str) -> Any:
    return importlib.import_module(name)
