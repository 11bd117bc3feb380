"""What Hugging Face's packages make of dataset files, in a process of its own.

Called with a folder, `datasets` or `trl`, and names of files in the folder. Prints, as JSON, by
file: the rows that datasets loads; or what TRL's trainer tokenises, and what of it is trained on.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error",
}  # fmt: skip

TEMPLATE = """{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}
{% for m in messages %}{% if m.role == "assistant" %}<assistant>{% generation %}
{% for call in m.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}
{{ m.content or "" }}
</s>{% endgeneration %}{% else %}<{{ m.role }}>{{ m.content }}{% endif %}
{% endfor %}"""


def loaded(folder: Path, name: str) -> Any:
    """The rows of a file."""
    kind = {".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}[Path(name).suffix]
    file, cache = str(folder / name), str(folder / "cache")
    load_dataset = _package("datasets").load_dataset
    return load_dataset(kind, data_files=file, split="train", cache_dir=cache)


def tokenizer_of(files: list[str]) -> Any:
    """A tokenizer that knows the texts of some files."""
    package = _package("tokenizers")
    bytes_alone = package.pre_tokenizers.ByteLevel
    pieces = package.Tokenizer(package.models.BPE())
    pieces.pre_tokenizer = bytes_alone(add_prefix_space=False)
    pieces.decoder = package.decoders.ByteLevel()
    trainer = package.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["</s>"],
        show_progress=False,
        initial_alphabet=bytes_alone.alphabet(),
    )
    pieces.train(files, trainer)
    return _package("transformers").PreTrainedTokenizerFast(
        tokenizer_object=pieces, eos_token="</s>", pad_token="</s>", chat_template=TEMPLATE
    )


def prepared(folder: Path, name: str, tokenizer: Any) -> list[tuple[str, str]]:
    """(the text that is tokenised, the part of it that is trained on) of each row, after a step of
    training a small model.
    """
    transformers, trl = _package("transformers"), _package("trl")
    rows = loaded(folder, name)
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            max_position_embeddings=4096,
        )
    )
    settings = trl.SFTConfig(
        output_dir=str(folder / "out"),
        max_steps=1,
        use_cpu=True,
        bf16=False,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        per_device_train_batch_size=1,
        max_length=None,
        assistant_only_loss="messages" in rows.column_names,
    )
    trainer = trl.SFTTrainer(
        model=model, args=settings, train_dataset=rows, processing_class=tokenizer
    )
    trainer.train()
    made = []
    for row in trainer.train_dataset:
        ids, labels = row["input_ids"], row["labels"]
        trained = [token for token, label in zip(ids, labels, strict=True) if label >= 0]
        made.append((tokenizer.decode(ids), tokenizer.decode(trained)))
    return made


def _package(name: str) -> Any:
    return importlib.import_module(name)


def main(folder: Path, work: str, names: list[str]) -> dict[str, Any]:
    """What is printed."""
    if work == "datasets":
        return {name: loaded(folder, name).to_list() for name in names}
    tokenizer = tokenizer_of([str(folder / name) for name in names])
    return {name: prepared(folder, name, tokenizer) for name in names}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])))
