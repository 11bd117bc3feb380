"""What a reader of documents asks and answers."""

from pydantic import BaseModel, Field


class Questions(BaseModel):
    """Questions that a text answers."""

    questions: list[str] = Field(max_length=3, description="At most three, in order of the text.")


class Answer(BaseModel):
    """An answer that a text gives to a question."""

    answer: str = Field(description="In as few words as the text allows.")
    quote: str = Field(description="The sentence of the text that says so; empty where none does.")
