"""What a reader of papers asks and answers; the answer is that of LlamaIndex's notebook."""

from pydantic import BaseModel, Field


class Questions(BaseModel):
    """Questions about the works that a text cites."""

    questions: list[str] = Field(max_length=3, description="At most three, in order of the text.")


class Passages(BaseModel):
    """What a reader looks at before answering."""

    context: str = Field(description="Passages of the paper, best first, with a line between them.")


class Citation(BaseModel):
    """A work that a text cites."""

    author: str = Field(description="The first author's last name.")
    year: int = Field(description="The year of the work.")
    desc: str = Field(description="What the text says that the work is about.")


class Response(BaseModel):
    """The citations of a context that answer a question."""

    citations: list[Citation]
