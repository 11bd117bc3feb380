"""What rewritten modules import: contracts that record and dispatch. Small, fast, fails open."""

from distilgen.runtime.bound import Contract
from distilgen.runtime.control import Counts, counters, recording
from distilgen.runtime.limits import timeout
from distilgen.runtime.sensitive import Sensitive
from distilgen.runtime.settings import configure
from distilgen.runtime.sinks import flush

__all__ = [
    "Contract", "Counts", "Sensitive", "configure", "counters", "flush", "recording", "timeout",
]  # fmt: skip
