"""distilgen.training.embedded.silence: classes that few rows have are no user's business."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from distilgen.embedded.call import Call
from distilgen.training.embedded import columns, linear, silence, trees


def test_many_classes_of_few_rows_are_fitted_without_a_word() -> None:
    calls = [Call({"text": f"word{place // 2} thing", "size": place}) for place in range(60)]
    found = columns.of(calls, None)
    codes = np.arange(60) // 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        linear.LinearDesign(calls, found).fitted(linear.classes(codes.astype(int), 40, 0))
        trees.ForestDesign(calls, found).fitted(codes.astype(int), 40, 0)


def test_other_warnings_are_heard() -> None:
    with pytest.warns(UserWarning, match="something else"), silence.kept():
        warnings.warn("something else", UserWarning, stacklevel=1)
