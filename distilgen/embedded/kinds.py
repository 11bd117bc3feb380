"""Every kind of predictor that a student's file may name."""

from distilgen.embedded import (  # noqa: F401 - they enter themselves
    closed,
    exact,
    features,
    formula,
    linear,
    model,
    novelty,
    pieces,
    spans,
    trees,
)
from distilgen.embedded.predictor import kind_named

__all__ = ["kind_named"]
