"""Documents to chunks, to questions, to answers, to CSV, JSON and files for fine-tuning.

python examples/document_qa/run.py
python examples/document_qa/run.py --model NAME --base-url URL
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo import title
from pipeline import Pipeline


def main() -> None:
    """Run the pipeline on a fresh copy."""
    shell = Pipeline("document_qa", "Documents to questions to answers, and files of them.")
    title("two typed functions: their calls are recorded from now on")
    shell.record("qa:questions", "qa:answer")
    title("documents, in chunks of 512 characters, to questions")
    shell.watch("distilgen collect qa:questions --documents documents --chunk-size 512 --step 512")
    title("each question, with the chunk that it is from, to its answer")
    shell.watch("distilgen collect qa:answer --from qa:questions --each result.questions")
    title("CSV and JSON of chunk, question and answer")
    shell.run("distilgen dataset build qa:answer --format csv --no-holdout --output csv")
    shell.show("csv/qa.answer/train.csv", 2)
    shell.run("distilgen dataset build qa:answer --format raw --no-holdout --output json")
    shell.show("json/qa.answer/train.jsonl", 1)
    title("files for fine-tuning: Lamini's input and output, OpenAI's tools")
    shell.run("distilgen dataset build qa:answer --format lamini --output lamini")
    shell.show("lamini/qa.answer/train.jsonl", 1)
    shell.run("distilgen dataset build --format openai-tools")
    shell.run("distilgen dataset validate")
    shell.run("distilgen dataset stats")
    print(f"\nall of it is in {shell.folder}")


if __name__ == "__main__":
    main()
