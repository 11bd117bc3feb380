"""Fits the embedded student, with scikit-learn; `distilgen.embedded` evaluates it."""
