"""What `benchmarks/student.py` trains students for: teachers and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from student_tasks import figures, machine, opinions, papers, tickets

if TYPE_CHECKING:
    from student_tasks.task import Task

TASKS: tuple[Task, ...] = (
    figures.MULTIPLICATION,
    figures.SHIPPING,
    figures.LOANS,
    tickets.TICKETS,
    opinions.REVIEWS,
    papers.INVOICES,
    papers.LOGS,
    papers.ADDRESSES,
    machine.SECTIONS,
    machine.DEPENDENCIES,
    machine.VERSIONS,
    machine.PARAMETERS,
    machine.BUGS,
    machine.SIGNATURES,
    machine.COMMITS,
)
