"""Shared by the test scripts: the bundle, pictures and a runtime for a class of tests."""

import os
import pathlib
import tempfile
import unittest

import nestling

ASSETS = pathlib.Path(os.environ["NESTLING_ASSETS"])
BUNDLE = ASSETS / "fashion.nestling"
COAT = ASSETS / "coat.png"
# Holds on the slowest machine, in ms: no test depends on a time.
ANY_BUDGET = 1e6


class WithRuntime(unittest.TestCase):
    """Opens a runtime for each test, and a folder."""

    def setUp(self):
        self.runtime = self.enterContext(nestling.Runtime(BUNDLE))
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    if not hasattr(unittest.TestCase, "enterContext"):  # before Python 3.11

        def enterContext(self, manager):
            value = manager.__enter__()
            self.addCleanup(manager.__exit__, None, None, None)
            return value

    def fails(self, code, call, *arguments, **named):
        """Calls, and returns the error of this code."""
        with self.assertRaises(nestling.Error) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception
