"""A language model of a million random weights, as a GGUF file: `tiny_model.py FILE [SEED]`.

It is made on the spot, the same bytes for the same seed, and talks nonsense: what is right in its
answers is the server's doing. Its tokens are the 256 bytes and three specials. Closing characters
lie in the direction that all its states have in common, so that strings and lists come to an end
some time, as a trained model's do.

Runs in the server's environment, which has numpy and gguf; the project's own has neither.
"""

from __future__ import annotations

import sys

import gguf  # type: ignore[import-not-found,unused-ignore]
import numpy as np  # type: ignore[import-not-found,unused-ignore]

_CONTEXT = 8192
_WIDTH, _LAYERS, _HEADS, _HIDDEN = 128, 4, 4, 384
_SPECIAL = ["<|unknown|>", "<|start|>", "<|end|>"]
_UNKNOWN, _START, _END = 256, 257, 258
_CLOSING = {'"': 3.0, "}": 3.0, "]": 2.0, ",": 1.0}  # added to the logits, about

_TEMPLATE = """\
{%- for message in messages %}<|start|>{{ message['role'] }}
{{ message['content'] or '' }}
{%- for call in message['tool_calls'] or [] %}
{{ call['function'] | tojson }}
{%- endfor %}<|end|>
{%- endfor %}
{%- if add_generation_prompt %}<|start|>assistant
{% endif %}"""


def write(path: str, seed: int = 0) -> None:
    """Write the model to `path`."""
    random = np.random.default_rng(seed)
    file = gguf.GGUFWriter(path, "llama")
    file.add_name("tiny")
    file.add_file_type(gguf.LlamaFileType.ALL_F32)
    file.add_context_length(_CONTEXT)
    file.add_embedding_length(_WIDTH)
    file.add_block_count(_LAYERS)
    file.add_feed_forward_length(_HIDDEN)
    file.add_head_count(_HEADS)
    file.add_head_count_kv(_HEADS)
    file.add_rope_dimension_count(_WIDTH // _HEADS)
    file.add_layer_norm_rms_eps(1e-5)

    tokens = [*_characters(), *_SPECIAL]
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    file.add_vocab_size(len(tokens))
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_types([normal] * 256 + [control] * len(_SPECIAL))
    file.add_token_merges(["\u0100 \u0100"])  # there must be one: of two NUL, which make no token
    file.add_unk_token_id(_UNKNOWN)
    file.add_bos_token_id(_START)
    file.add_eos_token_id(_END)
    file.add_add_bos_token(value=False)
    file.add_chat_template(_TEMPLATE)

    def matrix(rows: int, columns: int) -> np.ndarray:
        drawn: np.ndarray = random.standard_normal((rows, columns)) / columns**0.5
        return drawn.astype(np.float32)

    ones = np.ones(_WIDTH, np.float32)
    embedding = matrix(len(tokens), _WIDTH) * _WIDTH**0.5
    embedding[:, 0] = 20.0  # in every state, whatever else is in it
    output = 2 * matrix(len(tokens), _WIDTH)
    output[:, 0] = 0.0
    for character, lean in _CLOSING.items():
        output[ord(character), 0] = lean / 8  # a state of length 128**0.5, mostly in this direction
    file.add_tensor("token_embd.weight", embedding)
    file.add_tensor("output_norm.weight", ones)
    file.add_tensor("output.weight", output)
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        file.add_tensor(f"{block}.attn_norm.weight", ones)
        file.add_tensor(f"{block}.ffn_norm.weight", ones)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            file.add_tensor(f"{block}.{name}.weight", matrix(_WIDTH, _WIDTH))
        file.add_tensor(f"{block}.ffn_gate.weight", matrix(_HIDDEN, _WIDTH))
        file.add_tensor(f"{block}.ffn_up.weight", matrix(_HIDDEN, _WIDTH))
        file.add_tensor(f"{block}.ffn_down.weight", matrix(_WIDTH, _HIDDEN))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def _characters() -> list[str]:
    """The character that stands for each byte in GPT-2's vocabulary: itself, where it prints."""
    printed = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printed else next(others)) for byte in range(256)]


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:]))
