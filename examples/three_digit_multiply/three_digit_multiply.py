"""The function of instructor's documentation on distillation, as plain Python."""

import random
import sys

from pydantic import BaseModel, Field


class Multiply(BaseModel):
    a: int
    b: int
    result: int = Field(description="The result of the multiplication")


def fn(a: int, b: int) -> Multiply:
    """Return the result of multiplying a and b together"""
    resp = a * b
    return Multiply(a=a, b=b, result=resp)


if __name__ == "__main__":
    for _ in range(int(sys.argv[1]) if sys.argv[1:] else 10):
        a = random.randint(100, 999)
        b = random.randint(100, 999)
        print("returning", fn(a, b=b))
