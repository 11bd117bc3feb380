"""A paper to chunks, to questions, to passages that answer them, to lists of citations.

python examples/citations/run.py
python examples/citations/run.py --model NAME --base-url URL
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo import title
from pipeline import Pipeline


def main() -> None:
    """Run the pipeline on a fresh copy."""
    shell = Pipeline("citations", "A paper to questions, to passages, to lists of citations.")
    title("three typed functions: their calls are recorded from now on")
    shell.record("cite:questions", "cite:respond")  # passages are looked up, whoever answers
    title("the paper, in chunks that overlap by half, to questions")
    shell.watch("distilgen collect cite:questions --documents paper --chunk-size 512 --step 256")
    title("each question to the passages that fit it")
    shell.watch("distilgen collect cite:retrieve --from cite:questions --each result.questions")
    title("question and passages to a Response, a list of Citations")
    shell.watch("distilgen collect cite:respond --from cite:retrieve --each result.context")
    shell.run("distilgen records list cite:respond --limit 3")
    title("a dataset whose student gets the context and answers with citations")
    shell.run("distilgen dataset build cite:respond --format openai-tools")
    shell.run("distilgen dataset validate")
    shell.show(".distilgen/datasets/cite.respond/train.jsonl", 1)
    shell.run("distilgen dataset build cite:respond --format openai-functions --output functions")
    print(f"\nall of it is in {shell.folder}")


if __name__ == "__main__":
    main()
