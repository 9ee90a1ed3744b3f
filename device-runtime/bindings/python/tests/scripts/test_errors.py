"""The exception, its codes, and their table in the guide."""

import os
import pathlib
import pickle
import unittest

import nestling
from support import BUNDLE, COAT, WithRuntime


class Errors(WithRuntime):
    def test_each_kind_has_its_code_and_a_message(self):
        damaged = bytearray(BUNDLE.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (self.folder / "damaged").write_bytes(damaged)
        for code, call in [
            ("bundle_open", lambda: nestling.Bundle.open("no such file")),
            ("bundle_not_a_bundle", lambda: nestling.Bundle.open(COAT)),
            ("bundle_empty", lambda: nestling.Bundle.from_bytes(b"")),
            ("bundle_damaged", lambda: nestling.Bundle.open(self.folder / "damaged")),
            ("bundle_not_a_bundle", lambda: nestling.Runtime(COAT)),
        ]:
            error = self.fails(code, call)
            self.assertGreater(len(str(error)), 20)
            self.assertIsNone(error.fastest)

    def test_it_survives_pickling_and_is_an_exception_of_the_package(self):
        error = self.fails("unknown_child", self.runtime.switch_to, "huge")
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((again.code, str(again)), (error.code, str(error)))
        self.assertEqual(nestling.Error.__module__, "nestling")
        self.assertEqual(nestling.Error("mine").code, "unknown")
        self.assertTrue(issubclass(nestling.Error, Exception))


class Guide(unittest.TestCase):
    def test_the_guide_names_codes_that_exist(self):
        root = pathlib.Path(os.environ["NESTLING_ROOT"])
        guide, page = (root / "docs/python.md").read_text(), (root / "docs/api.md").read_text()
        rows = guide.split("\n| code | what to do |\n")[1].split("\n\n")[0].splitlines()[1:]
        named = [code for row in rows for code in row.split(" | ")[0].split("`")[1::2]]
        self.assertGreater(len(named), 20)
        known = set(page.split("### Codes")[1].split("\n## ")[0].split("`")[1::2])
        for code in named:
            prefix = code[:-3] if code.endswith("...") else None
            self.assertTrue(code in known or prefix and any(one.startswith(prefix) for one in known), code)


if __name__ == "__main__":
    unittest.main()
