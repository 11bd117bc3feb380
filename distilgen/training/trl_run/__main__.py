"""The process that trains: `python -m distilgen.training.trl_run FOLDER`.

It reads the run's config and rows, tells what happens in its events, and leaves the model. It works
alone or, started by `accelerate launch`, beside others; the first of them speaks for all.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.errors import TrainingError, UsageError
from distilgen.rewrite.replace import rename
from distilgen.training.trl_run import tokens
from distilgen.training.trl_run.folder import Run
from distilgen.training.trl_run.process import STOPPED
from distilgen.training.trl_run.trainer import Stop, ran_away, trainer_of, watching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.training.trl_run.tokens import Encoded

_SHOWN = 4000  # characters of the first row


def main(folder: str) -> int:
    """Train the run in a folder. Returns the exit code."""
    run = Run(Path(folder))
    if int(os.environ.get("RANK", "0")) > 0:
        return _trained(run, Stop(), speaks=False)
    with run.held() as alone:
        if not alone or run.result():
            return 0
        try:
            return _trained(run, Stop(), speaks=True)
        except UsageError as error:
            run.tell("failed", reason=str(error))
            return 1
        except TrainingError as error:
            run.tell("failed", reason=f"{(run.config() or {})['base_model']}: {error}")
            return 1


def _trained(run: Run, stop: Stop, *, speaks: bool) -> int:
    config = run.config() or {}
    torch, transformers = _package("torch"), _package("transformers")
    base, said = config["base_model"], config["settings"]
    transformers.set_seed(said["seed"])
    gpu = torch.cuda.is_available()
    tokenizer = _tokenizer(base, transformers)
    dtype = "auto" if gpu and said["method"] == "lora" else torch.float32
    model = transformers.AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype, local_files_only=True
    )
    ends = model.generation_config.eos_token_id
    encoder = tokens.encoder_of(tokenizer, config["tools"], ends)
    text_config = model.config.get_text_config()
    longest = said["max_length"] or getattr(text_config, "max_position_embeddings", None)
    splits = {
        split: tokens.encoded(encoder, run.rows_file(split), longest)
        for split in ("train", "validation")
        if run.rows_file(split).exists()
    }
    if speaks:
        _tell_rows(run, tokenizer, splits, longest)
    rows = {split: kept for split, (kept, _) in splits.items() if kept}
    if "train" not in rows:
        raise TrainingError(
            f"all rows are longer than {longest} tokens; say a greater --max-length, or take a "
            "model that reads more"
        )
    trainer = trainer_of(run, config, model, tokenizer, rows, gpu=gpu)
    trainer.remove_callback(transformers.PrinterCallback)  # the log is for what is not in events
    watch = watching(run, stop, speaks=speaks)
    trainer.add_callback(watch)
    checkpoint = run.checkpoint()
    if "validation" in rows and checkpoint is None:
        trainer.evaluate()
    stop.waits = trainer.accelerator.num_processes == 1
    began = time.monotonic()
    trained = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - began
    if stop.wanted:
        return STOPPED[0]
    stop.waits = False
    weights = (weight for weight in trainer.model.parameters() if weight.requires_grad)
    if not all(torch.isfinite(weight).all() for weight in weights):
        raise TrainingError(ran_away(trainer.state.global_step))
    _save(run, trainer, tokenizer)
    if speaks:
        _conclude(run, trainer, trained, rows, seconds)
    return 0


def _tokenizer(base: str, transformers: Any) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(base, local_files_only=True)
    except Exception as error:  # of whatever kind its file's format has
        raise TrainingError(
            f"its tokenizer cannot be read ({type(error).__name__}: {error}); fetch the model again"
        ) from error


def _tell_rows(
    run: Run, tokenizer: Any, splits: Mapping[str, tuple[list[Encoded], int]], longest: int | None
) -> None:
    for split, (kept, left_out) in splits.items():
        first = kept[0] if kept else tokens.Encoded([], [])
        run.tell(
            "rows",
            split=split,
            rows=len(kept),
            left_out=left_out,
            max_length=longest,
            tokens=sum(len(row.ids) for row in kept),
            answer_tokens=sum(len(row.answer) for row in kept),
            longest=max((len(row.ids) for row in kept), default=0),
            unseen=first.unseen,
            asked=tokenizer.decode(first.ids[: -len(first.answer) or None])[-_SHOWN:],
            answer=tokenizer.decode(first.answer)[:_SHOWN],
        )


def _save(run: Run, trainer: Any, tokenizer: Any) -> None:
    """The model's folder, which appears as a whole or not at all."""
    part = run.path / "model.part"
    if trainer.accelerator.is_main_process:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(run.model, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(part))
    if trainer.accelerator.is_main_process:
        tokenizer.save_pretrained(str(part))
        rename(part, run.model)


def _conclude(
    run: Run, trainer: Any, trained: Any, rows: Mapping[str, list[Encoded]], seconds: float
) -> None:
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry]
    events, _ = run.events()
    before = [event for event in events if event["event"] == "log" and event["step"] == 0]
    after = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    begun = [event for event in events if event["event"] == "training"]
    since = begun[-1]["step"]
    steps = trainer.state.global_step - since
    share = steps / max(trainer.state.max_steps, 1)
    seen = sum(len(row.ids) for row in rows["train"]) * trainer.args.num_train_epochs * share
    run.write(
        "result.json",
        {
            "steps": trainer.state.global_step,
            "since": since,
            "first_loss": losses[0] if losses else None,
            "last_loss": losses[-1] if losses else None,
            "train_loss": trained.training_loss,
            "eval_loss_before": before[-1].get("eval_loss") if before else None,
            "eval_loss": after[-1] if after else None,
            "seconds": round(seconds, 3),
            "tokens": round(seen),
            "tokens_per_second": round(seen / seconds, 1),
            "device": str(trainer.args.device),
            "processes": trainer.accelerator.num_processes,
        },
    )


def _package(name: str) -> Any:
    return importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
