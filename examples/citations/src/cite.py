"""From a part of a paper to questions, to passages, to citations: three typed functions."""

from models import Citation, Passages, Questions, Response
from prose import Cited, cited, content, sentences, told
from retrieval import best

MOST = 3
PASSAGES = 2


def questions(chunk: str) -> Questions:
    """Ask which works a paper cites, and for what.

    Each question names a work, or what is said of works, as this part of the paper does, and can be
    answered by citations alone.
    """
    asked = []
    for sentence in sentences(chunk):
        works = cited(sentence)
        named = [work for work in works if work.name in sentence]
        asked += [f"What does the paper say about the work of {work.name}?" for work in named]
        if works and not named:
            about = told(works[0])
            asked.append(f"Which works are cited for this: {about[:1].lower()}{about[1:]}?")
    return Questions(questions=list(dict.fromkeys(asked))[:MOST])


def retrieve(question: str) -> Passages:
    """The passages of the paper that fit a question best."""
    return Passages(context="\n---\n".join(best(question, PASSAGES)))


def respond(question: str, context: str) -> Response:
    """List the citations of the context that answer the question.

    Only works that the context cites, each once, with what the context says of it; those that the
    question is about come first, and others are left out.
    """
    works = [work for passage in context.split("\n---\n") for sentence in sentences(passage)
             for work in cited(sentence)]  # fmt: skip
    asked = set(content(question))
    named = [work for work in works if work.name in question]
    chosen = named or [work for work in works if _covers(work, asked)]
    first = {(work.author, work.year): work for work in reversed(chosen)}
    return Response(
        citations=[
            Citation(author=work.author, year=work.year, desc=told(work))
            for work in works
            if first.get((work.author, work.year)) is work
        ]
    )


def _covers(work: Cited, asked: set[str]) -> bool:
    """Are most of the words that are asked for in the sentence that cites it?"""
    return len(asked & set(content(work.sentence))) * 3 >= len(asked) * 2
