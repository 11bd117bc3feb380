"""The embedded student: a model of plain data that answers inside the process. The standard library
only; `distilgen.training.embedded` makes it.
"""
