"""What is found in a file: of each rule the first few, and how many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from distilgen.dataset.validation.rules import ERROR, RULES


@dataclass(frozen=True)
class Finding:
    """rule: one of `RULES`. file: as it is to be shown. line: from 1; 0 is the file. path: a JSON
    path such as `$.messages[2].weight`; empty is the line. message: what is wrong there.
    """

    rule: str
    file: str
    line: int
    path: str
    message: str

    @property
    def mend(self) -> str:
        """What to do."""
        return RULES[self.rule].mend

    @property
    def is_error(self) -> bool:
        """Or else a warning."""
        return RULES[self.rule].level == ERROR


@dataclass
class Findings:
    """Those of one file. most: how many of a rule are kept. counts: of all, by rule."""

    file: str
    most: int
    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)

    def add(self, rule: str, line: int, path: str, message: str) -> None:
        """Note one."""
        self.counts[rule] += 1
        if self.counts[rule] <= self.most:
            self.kept.append(Finding(rule, self.file, line, path, message))

    @property
    def errors(self) -> int:
        """How many, without warnings."""
        return sum(n for rule, n in self.counts.items() if RULES[rule].level == ERROR)

    @property
    def warnings(self) -> int:
        """How many."""
        return self.counts.total() - self.errors

    def in_order(self) -> list[Finding]:
        """Those kept, by line."""
        return sorted(self.kept, key=lambda found: found.line)
