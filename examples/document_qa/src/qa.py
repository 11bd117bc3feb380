"""From a part of a document to questions, and from a question to its answer."""

from collections import Counter

from models import Answer, Questions
from sentences import clause, is_clear, number_in, sentences, stem, words

MOST = 3
GAP = "___"
_COMMON = frozenset(words(
    "a an the of in on at to and or for from by with that than is are was were be do does did how "
    "what which much far long number missing"
))  # fmt: skip


def questions(chunk: str) -> Questions:
    """Ask what a reader of this text should be able to answer.

    Each question is about one fact of the text, names what it is about, and can be answered from
    the text alone. At most three, about the most telling sentences.
    """
    clear = [sentence for sentence in sentences(chunk) if is_clear(sentence)]
    asked = {sentence: _question(sentence, chunk) for sentence in clear}
    best = sorted((s for s in asked if asked[s]), key=_telling, reverse=True)[:MOST]
    found = dict.fromkeys(asked[sentence] for sentence in asked if sentence in best)
    return Questions(questions=list(found))


def _question(sentence: str, chunk: str) -> str:
    """What the sentence answers; empty where it is no fact."""
    if sentence.endswith("?"):
        return ""
    simple = clause(sentence, chunk)
    if simple:
        return simple.question
    number = number_in(sentence)
    gap = sentence.replace(number, GAP, 1)
    return f'Which number is missing: "{gap}"' if number else ""


def _telling(sentence: str) -> tuple[int, int]:
    """Facts have numbers and names, and are short."""
    names = sum(word[0].isupper() for word in sentence.split()[1:])
    return 2 * bool(number_in(sentence)) + min(names, 2), -len(sentence)


def answer(question: str, chunk: str) -> Answer:
    """Answer the question from the text and from nothing else.

    The answer is as short as it can be, and the quote is the sentence that gives it. Where the text
    does not answer the question, the answer says so and the quote is empty.
    """
    there = sentences(chunk)
    for sentence in there:
        number = number_in(sentence)
        if number and f'"{sentence.replace(number, GAP, 1)}"' in question:
            return Answer(answer=number, quote=sentence)
    sentence = _nearest(question, there, chunk)
    if not sentence:
        return Answer(answer="The text does not say.", quote="")
    simple = clause(sentence, chunk)
    return Answer(answer=simple.said if simple else sentence, quote=sentence)


def _nearest(question: str, there: list[str], chunk: str) -> str:
    """The sentence with the words of the question; rare ones count more, and half must be there."""
    held = {sentence: _content(sentence) for sentence in there}
    spread = Counter(word for content in held.values() for word in content)
    asked = {word: 1 / (1 + spread[word]) for word in _content(question)}

    def nearness(sentence: str) -> float:
        simple = clause(sentence, chunk)
        told = bool(simple and simple.question == question)
        return told + sum(weight for word, weight in asked.items() if word in held[sentence])

    best = max(there, key=nearness, default="")
    return best if best and nearness(best) * 2 >= sum(asked.values()) else ""


def _content(text: str) -> set[str]:
    return {stem(word) for word in words(text) if word not in _COMMON}
