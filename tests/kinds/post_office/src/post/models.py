"""What functions return."""

from pydantic import BaseModel


class Email(BaseModel):
    """An email."""

    to: str
    text: str = ""


class Letter(BaseModel):
    """A letter."""

    to: str
    stamp: int = 1


class Late(BaseModel):
    """Imported by others for type checkers only."""

    to: str
