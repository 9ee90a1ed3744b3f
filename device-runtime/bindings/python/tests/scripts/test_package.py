"""The package itself: its stubs, its documentation and its programs."""

import ast
import importlib.metadata
import inspect
import os
import pathlib
import subprocess
import sys
import typing
import unittest
from unittest import mock

import nestling
from nestling import _images, _native, _programs, _records, _runtime

FOLDER = pathlib.Path(nestling.__file__).parent


def public(names):
    return {name for name in names if not name.startswith("_")}


class Stubs(unittest.TestCase):
    """`_native.pyi` says what the module has: every name, every argument, every property."""

    def setUp(self):
        self.tree = ast.parse((FOLDER / "_native.pyi").read_text())

    def test_every_public_name_is_there_and_no_other(self):
        classes = {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}
        functions = {node.name for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        self.assertEqual(set(classes) | functions, public(vars(_native)))
        for name, stub in classes.items():
            own = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
            fields = {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
            native = vars(getattr(_native, name))
            self.assertEqual(public(own) | fields, public(native), name)
            for method, node in own.items():
                self.check_method(name, method, node, native.get(method))

    def check_method(self, name, method, node, native):
        decorators = {decorator.id for decorator in node.decorator_list}
        if "property" in decorators:
            self.assertTrue(inspect.isgetsetdescriptor(native), f"{name}.{method}")
            return
        wanted = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
        given = getattr(_native, name) if method == "__new__" else native
        given = given.__func__ if isinstance(given, staticmethod) else given
        try:
            arguments = [one for one in inspect.signature(given).parameters if one != "self"]
        except ValueError:
            # Python 3.9 does not tell the arguments of a native class.
            self.assertTrue(method == "__new__" and sys.version_info < (3, 10), f"{name}.{method}")
            return
        self.assertEqual(arguments, wanted, f"{name}.{method}")

    def test_functions_have_no_other_arguments(self):
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef):
                self.assertEqual(list(inspect.signature(getattr(_native, node.name)).parameters), [])

    def test_the_package_says_that_it_is_typed(self):
        self.assertTrue((FOLDER / "py.typed").is_file())


class Documentation(unittest.TestCase):
    def test_every_public_object_is_documented_and_typed(self):
        self.assertEqual(nestling.__all__, sorted(nestling.__all__))
        self.assertGreater(len(inspect.getdoc(nestling)), 100)
        for name in public(nestling.__all__):
            thing = getattr(nestling, name)
            self.assertGreater(len(inspect.getdoc(thing) or ""), 10, name)
            if not inspect.isclass(thing):
                self.check_types(name, thing)
                continue
            for member, value in vars(thing).items():
                if member.startswith("_") or name == "Error":
                    continue
                value = value.fget if isinstance(value, property) else value
                value = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
                if callable(value):
                    self.assertGreater(len(inspect.getdoc(value) or ""), 10, f"{name}.{member}")
                    self.check_types(f"{name}.{member}", value)

    def check_types(self, name, function):
        hints = typing.get_type_hints(function, vars(_runtime))
        self.assertIn("return", hints, name)
        for argument in inspect.signature(function).parameters:
            self.assertTrue(argument in ("self", "cls") or argument in hints, f"{name}: {argument}")

    def test_every_field_of_a_record_is_documented(self):
        tree = ast.parse((FOLDER / "_records.py").read_text())
        for record in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            if record.name == "Latency":
                continue  # its own text says all three
            for place, node in enumerate(record.body):
                if isinstance(node, ast.AnnAssign):
                    after = record.body[place + 1]
                    is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                    self.assertTrue(is_text, f"{record.name}.{node.target.id}")

    def test_every_module_has_a_page(self):
        for module in (_images, _programs, _records, _runtime, _native):
            self.assertGreater(len(module.__doc__ or ""), 20, module)

    def test_it_imports_no_other_package(self):
        check = "import sys, nestling; print([name for name in ('numpy', 'PIL', 'torch') if name in sys.modules])"
        printed = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
        self.assertEqual(printed, "[]\n")

    def test_versions_agree(self):
        self.assertEqual(nestling.__version__, os.environ["NESTLING_VERSION"])


class Programs(unittest.TestCase):
    """The console scripts without programs: a wheel's test runs them with."""

    def fails(self, program, words):
        with self.assertRaises(SystemExit) as caught:
            program()
        self.assertIn(words, caught.exception.code)

    def test_a_missing_program_and_a_missing_torch_say_what_to_install(self):
        self.fails(_programs.device, "nestling-device: this installation has no program")
        self.fails(_programs.trainer, "nestling: the trainer is not installed")
        with mock.patch.object(_programs, "_program", return_value=pathlib.Path("nestling")):
            with mock.patch.object(_programs, "_folder", return_value=None):
                self.fails(_programs.trainer, "needs PyTorch 2.11, and none is installed beside it: pip install")
            with mock.patch.object(_programs, "_folder", return_value=FOLDER):
                with mock.patch.object(importlib.metadata, "version", return_value="2.12.1"):
                    self.fails(_programs.trainer, "is version 2.12.1: pip install 'torch==2.11.*'")
                with mock.patch.object(importlib.metadata, "version", return_value="2.11.0+cpu"):
                    self.fails(_programs.trainer, "holds no libtorch_cpu")

    def test_the_trainer_gets_the_libraries_of_torch_and_its_arguments(self):
        torch, calls = pathlib.Path(self.make_torch()), []
        with mock.patch.object(_programs, "_program", return_value=pathlib.Path("nestling")), mock.patch.object(
            _programs, "_folder", return_value=torch
        ), mock.patch.object(importlib.metadata, "version", return_value="2.11.0"), mock.patch.object(
            os, "execve", side_effect=lambda *given: calls.append(given)
        ), mock.patch.dict(os.environ, LD_LIBRARY_PATH="/before"), mock.patch.object(sys, "argv", ["x", "train", "-n"]):
            _programs.trainer()
        ((program, arguments, environment),) = calls
        self.assertEqual((str(program), arguments), ("nestling", ["nestling", "train", "-n"]))
        self.assertEqual(environment["LD_LIBRARY_PATH"], f"{torch / 'lib'}:/before")

    def make_torch(self):
        import tempfile

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        libraries = pathlib.Path(folder.name) / "lib"
        libraries.mkdir()
        (libraries / "libtorch_cpu.so").touch()
        return folder.name


if __name__ == "__main__":
    unittest.main()
