"""Nestling's device runtime: the most accurate child network within a latency budget, on this machine's GPU.

>>> import nestling
>>> with nestling.Runtime("fashion.nestling") as runtime:
...     choice = runtime.choose(8.0)            # milliseconds; measured on this device, active from now on
...     answer = runtime.classify("coat.png")   # a path, a PIL image or a NumPy array
...     print(choice.child, answer.label, answer.probability)

A `Runtime` is one `Bundle` on one GPU. Every call that waits for the GPU lets other threads run. A call that fails
raises `Error`, whose `code` is stable. The guide is docs/python.md in the repository.
"""

import atexit

from ._native import Error, __version__, close_all
from ._records import Adapter, Answer, Child, Choice, GovernorState, Guess, Latency
from ._runtime import Bundle, Governor, Runtime, list_adapters

__all__ = [
    "Adapter",
    "Answer",
    "Bundle",
    "Child",
    "Choice",
    "Error",
    "Governor",
    "GovernorState",
    "Guess",
    "Latency",
    "Runtime",
    "__version__",
    "list_adapters",
]

# The driver must not find a runtime open while the process ends.
atexit.register(close_all)
