"""What transformers, PEFT and the encoder make of things, in a process of its own, as they are
heavy: `labels CHECKPOINT CASES` and `losses CHECKPOINT ADAPTER ROWS` print JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
               "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}  # fmt: skip

from distilgen.errors import TrainingError
from distilgen.training.trl_run import tokens


def labels(folder: str, cases: str) -> list[dict[str, Any]]:
    """Of each case (row, tools, template): the text, the part that is trained on, what is not
    seen; or why it is refused.
    """
    tokenizer = importlib.import_module("transformers").AutoTokenizer.from_pretrained(folder)
    own = tokenizer.chat_template
    found: list[dict[str, Any]] = []
    for case in json.loads(Path(cases).read_text("utf-8")):
        tokenizer.chat_template = case["template"] or own
        encoder = tokens.encoder_of(tokenizer, case["tools"], None)
        try:
            encoder.refuse_lossy(case["row"])
            made = encoder.encode(case["row"])
        except TrainingError as error:
            found.append({"refused": str(error)})
            continue
        pairs = zip(made.ids, made.labels, strict=True)
        found.append(
            {
                "text": tokenizer.decode(made.ids),
                "trained": tokenizer.decode(made.answer),
                "unseen": made.unseen,
                "aligned": all(label in (token, tokens.IGNORED) for token, label in pairs),
            }
        )
    return found


def losses(folder: str, adapter: str, rows: str) -> dict[str, Any]:
    """The mean loss over the answers of the rows: of the model, and of what was trained. Besides:
    how many rows there are, and how many are too long where the first is, by a token.
    """
    torch, transformers = map(importlib.import_module, ("torch", "transformers"))
    peft = importlib.import_module("peft")
    tokenizer = transformers.AutoTokenizer.from_pretrained(adapter)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    encoder = tokens.encoder_of(tokenizer, (), None)
    encoded, _ = tokens.encoded(encoder, Path(rows), None)
    _, too_long = tokens.encoded(encoder, Path(rows), len(encoded[0].ids) - 1)

    def loss(asked: Any) -> float:
        with torch.no_grad():
            each = [
                float(asked(torch.tensor([row.ids]), labels=torch.tensor([row.labels])).loss)
                for row in encoded
            ]
        return sum(each) / len(each)

    before = loss(model)
    after = loss(peft.PeftModel.from_pretrained(model, adapter))
    return {"before": before, "after": after, "rows": len(encoded), "too_long": too_long}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
