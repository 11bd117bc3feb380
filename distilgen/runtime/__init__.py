"""What rewritten modules import: contracts that record and dispatch. Small, fast, fails open."""

from distilgen.runtime.bound import Contract
from distilgen.runtime.settings import configure

__all__ = ["Contract", "configure"]
