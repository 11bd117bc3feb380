"""Excluded by the configuration."""

from .models import Email


def left(text: str) -> Email:
    return Email(to=text)
