"""A language model of some ten thousand random weights in a folder, as transformers keep them:
`tiny_checkpoint.py FOLDER TEXTS…`. Its tokenizer is made of the texts in some files.

The same bytes each time. It talks nonsense, and can learn a few answers by heart.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
               "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}  # fmt: skip

# As Qwen's and Hermes' templates write it: tools in the system message, calls between tags.
TEMPLATE = """\
{%- for m in messages %}
{%- if m.role == "assistant" %}{{ "<|im_start|>assistant\n" }}
{%- generation %}
{%- for call in m.tool_calls or [] %}
{{- "<tool_call>\n" ~ call.function | tojson ~ "\n</tool_call>" }}
{%- endfor %}
{{- (m.content or "") ~ "<|im_end|>" }}
{%- endgeneration %}
{{- "\n" }}
{%- else %}
{{- "<|im_start|>" ~ m.role ~ "\n" ~ m.content }}
{%- if tools and m.role == "system" %}{{ "\n<tools>" ~ tools | tojson ~ "</tools>" }}{% endif %}
{{- "<|im_end|>\n" }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ "<|im_start|>assistant\n" }}{% endif %}"""


def write(folder: str, texts: list[str]) -> None:
    """Write the model and its tokenizer."""
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    tokenizer = tokenizer_of(texts)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def tokenizer_of(texts: list[str]) -> Any:
    """A tokenizer that knows the texts of some files."""
    package = importlib.import_module("tokenizers")
    bytes_alone = package.pre_tokenizers.ByteLevel
    pieces = package.Tokenizer(package.models.BPE())
    pieces.pre_tokenizer = bytes_alone(add_prefix_space=False)
    pieces.decoder = package.decoders.ByteLevel()
    trainer = package.trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<|pad|>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
        initial_alphabet=bytes_alone.alphabet(),
    )
    pieces.train(texts, trainer)
    return importlib.import_module("transformers").PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        chat_template=TEMPLATE,
    )


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2:])
