"""Profiles, choices, switches and governors."""

import os
import signal
import threading
import time
import unittest

import nestling
from support import ANY_BUDGET, BUNDLE, COAT, WithRuntime


class Opening(WithRuntime):
    def test_a_bundle_tells_its_labels_and_children(self):
        bundle = nestling.Bundle.open(BUNDLE)
        self.assertEqual((len(bundle.labels), bundle.labels[4], bundle.space), (10, "coat", "fashion"))
        self.assertEqual(bundle.file_bytes, BUNDLE.stat().st_size)
        names = [child.name for child in bundle.children]
        self.assertEqual((names[0], names[-1]), ("smallest", "biggest"))
        costs = [child.madds for child in bundle.children]
        self.assertEqual(costs, sorted(costs))
        self.assertTrue(all(child.may_answer and child.predicted_ms is child.measured is None for child in bundle.children))
        self.assertGreater(bundle.children[-1].accuracy, bundle.children[0].accuracy)
        self.assertEqual(nestling.Bundle.from_bytes(BUNDLE.read_bytes()).children, bundle.children)
        self.assertIn("10 classes", repr(bundle))

    def test_a_runtime_takes_a_bundle_a_path_or_a_text(self):
        for given in (nestling.Bundle.open(BUNDLE), BUNDLE, str(BUNDLE)):
            with nestling.Runtime(given, pipeline_cache=self.folder / "cache", max_image_side=64) as runtime:
                self.assertEqual(runtime.labels, self.runtime.labels)
                self.assertEqual(runtime.active, "smallest")

    def test_an_adapter_is_named_by_its_index_or_a_part_of_its_name(self):
        adapters = nestling.list_adapters()
        self.assertEqual(adapters[0].index, 0)
        with nestling.Runtime(BUNDLE, "0") as runtime:
            self.assertEqual(runtime.adapter, adapters[0])
            self.assertIn(adapters[0].name, repr(runtime))
        error = self.fails("no_adapter", nestling.Runtime, BUNDLE, adapter="Voodoo 2")
        self.assertIn(adapters[0].name, str(error))

    def test_options_that_cannot_be_say_what_can(self):
        for options, words in [
            ({"weight_storage": "int4"}, 'give None, "f32", "f16" or "int8"'),
            ({"arithmetic": "f64"}, 'give "f32" or "f16"'),
            ({"timeout_s": 0}, "give a positive number"),
            ({"timeout_s": float("nan")}, "give a positive number"),
        ]:
            with self.assertRaisesRegex(ValueError, words):
                nestling.Runtime(BUNDLE, **options)
        for storage in ("f16", "int8"):
            with nestling.Runtime(BUNDLE, weight_storage=storage, answers_in_flight=1, image_side=28) as runtime:
                self.assertEqual(runtime.classify(COAT).label, "coat")
        with self.assertRaises(TypeError):
            nestling.Runtime(BUNDLE, image_side="large")
        with self.assertRaisesRegex(TypeError, "Bundle.from_bytes takes the bytes"):
            nestling.Runtime(b"NESTLING")
        with self.assertRaisesRegex(nestling.Error, "answers in flight = 2147483648, at most 4096"):
            nestling.Runtime(BUNDLE, answers_in_flight=1 << 31)

    def test_a_closed_runtime_says_so_and_frees_its_governors(self):
        governor = self.runtime.govern(ANY_BUDGET)
        self.runtime.close()
        self.runtime.close()
        self.assertTrue(self.runtime.is_closed and governor.is_closed)
        self.assertEqual((repr(self.runtime), repr(governor)), ("<nestling.Runtime, closed>", "<nestling.Governor, closed>"))
        for call in (
            lambda: self.runtime.classify(COAT),
            lambda: self.runtime.choose(ANY_BUDGET),
            lambda: self.runtime.active,
            lambda: self.runtime.children,
            lambda: self.runtime.profile(),
            lambda: governor.classify(COAT),
            lambda: governor.state,
        ):
            with self.assertRaisesRegex(ValueError, "is closed"):
                call()


class Profiles(WithRuntime):
    def test_a_profile_is_measured_once_stored_and_taken_again(self):
        path, old = self.folder / "profile.json", self.folder / "profile.json.old"
        seen = []
        self.assertFalse(self.runtime.has_profile)
        self.assertTrue(self.runtime.profile(path, progress=lambda fraction, phase: seen.append((fraction, phase))))
        self.assertTrue(len(seen) > 3 and all(0 <= fraction <= 1 for fraction, _ in seen), seen)
        self.assertIn("timing layers", {phase for _, phase in seen})
        self.assertTrue(self.runtime.has_profile)
        # A slow device times some of them only.
        times = [child.measured for child in self.runtime.children if child.measured]
        self.assertTrue(all(child.predicted_ms > 0 for child in self.runtime.children))
        self.assertTrue(times and all(0 < one.p50 <= one.p90 <= one.p95 for one in times), times)
        stored = path.read_bytes()
        # It is in use: only stored again, with what a choice has learned.
        self.runtime.choose(ANY_BUDGET)
        self.assertFalse(self.runtime.profile(path))
        self.assertNotEqual(path.read_bytes(), stored)
        self.assertFalse(old.exists())
        with nestling.Runtime(BUNDLE) as second:
            self.assertFalse(second.profile(str(path)))
            self.assertTrue(second.has_profile)
        path.write_bytes(stored[: len(stored) // 2])
        with nestling.Runtime(BUNDLE) as third:
            self.assertTrue(third.profile(path))
        self.assertEqual(old.read_bytes(), stored[: len(stored) // 2])

    def test_a_file_of_another_kind_stays_and_an_unwritable_place_costs_no_profile(self):
        notes = self.folder / "notes.txt"
        notes.write_text("my notes")
        self.fails("profile_not_a_profile", self.runtime.profile, notes)
        self.assertEqual(notes.read_text(), "my notes")
        self.assertFalse(self.runtime.has_profile)
        self.fails("profile_write", self.runtime.profile, self.folder / "no" / "such" / "profile.json")
        self.assertTrue(self.runtime.has_profile)

    def test_an_exception_of_the_callback_ends_the_measurement(self):
        class Enough(Exception):
            pass

        calls = []

        def stop(fraction, phase):
            calls.append(fraction)
            raise Enough

        path = self.folder / "profile.json"
        with self.assertRaises(Enough):
            self.runtime.profile(path, progress=stop)
        self.assertEqual(len(calls), 1)
        self.assertFalse(path.exists() or self.runtime.has_profile)
        with self.assertRaises(Enough):
            self.runtime.choose(ANY_BUDGET, progress=stop)
        with self.assertRaises(Enough):
            self.runtime.govern(ANY_BUDGET, progress=stop)
        # Nothing is left of it: the next one begins anew.
        self.assertTrue(self.runtime.profile())

    def test_ctrl_c_ends_the_measurement(self):
        def interrupt(fraction, phase):
            os.kill(os.getpid(), signal.SIGINT)

        with self.assertRaises(KeyboardInterrupt):
            self.runtime.profile(progress=interrupt)
        self.assertFalse(self.runtime.has_profile)
        # Also without a callback.
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            with self.assertRaises(KeyboardInterrupt):
                self.runtime.profile()
                time.sleep(10)
        finally:
            timer.join()

    def test_a_callback_may_classify_and_switch_but_not_measure(self):
        codes = []

        def misbehave(fraction, phase):
            if not codes:
                self.runtime.switch_to("biggest")
                self.assertEqual(self.runtime.classify(COAT).child, "biggest")
                for call in (self.runtime.profile, lambda: self.runtime.choose(ANY_BUDGET), self.runtime.typical_budgets):
                    codes.append(self.fails("busy", call).code)

        self.assertTrue(self.runtime.profile(progress=misbehave))
        self.assertEqual(codes, ["busy"] * 3)

    def test_a_callback_may_close_the_runtime(self):
        self.assertTrue(self.runtime.profile(progress=lambda fraction, phase: self.runtime.close()))
        self.assertTrue(self.runtime.is_closed)


class Choices(WithRuntime):
    def test_a_choice_is_active_and_says_why(self):
        choice = self.runtime.choose(ANY_BUDGET, quantile=50)
        self.assertEqual((choice.child, choice.next_better), ("biggest", None))
        self.assertEqual((choice.budget_ms, choice.quantile, self.runtime.active), (ANY_BUDGET, 50, "biggest"))
        self.assertTrue(0 < choice.measured.p50 <= choice.measured.p90 <= choice.measured.p95)
        self.assertTrue(choice.predicted_ms > 0 and choice.switched_us >= 0)
        self.assertIn("most accurate child", choice.why)
        self.assertIn(choice.why, str(choice))
        self.assertGreater(self.runtime.switch_to(choice.next_faster), 0)
        self.assertEqual(self.runtime.active, choice.next_faster)

    def test_a_switch_takes_a_name_a_child_or_a_choice(self):
        choice = self.runtime.choose(ANY_BUDGET)
        for target, name in [("smallest", "smallest"), (choice, choice.child), (self.runtime.children[1],) * 2]:
            self.runtime.switch_to(target)
            self.assertEqual(self.runtime.active, getattr(name, "name", name))
        error = self.fails("unknown_child", self.runtime.switch_to, "huge")
        self.assertIn("smallest", str(error))

    def test_a_budget_below_the_fastest_says_what_it_needs(self):
        self.runtime.switch_to("biggest")
        error = self.fails("below_fastest", self.runtime.choose, 1e-6)
        self.assertIn(error.fastest, [child.name for child in self.runtime.children])
        self.assertGreater(error.needed_ms, 1e-6)
        self.assertEqual(self.runtime.active, "biggest")
        self.assertIsNone(self.fails("invalid_budget", self.runtime.choose, -1).needed_ms)
        with self.assertRaisesRegex(ValueError, "give 50, 90 or 95"):
            self.runtime.choose(8.0, quantile=99)

    def test_typical_budgets_grow(self):
        budgets = self.runtime.typical_budgets(3, quantile=50)
        self.assertTrue(1 <= len(budgets) <= 3 and budgets == sorted(budgets), budgets)


class Governing(WithRuntime):
    def test_it_serves_steps_down_in_heat_and_ends(self):
        with self.runtime.govern(ANY_BUDGET) as governor:
            first = governor.state
            self.assertEqual((first.limit_ms, first.is_too_slow, first.p95_ms), (ANY_BUDGET, False, None))
            self.assertEqual(governor.classify(COAT).child, first.child)
            governor.set_thermal_hint("critical")
            governor.classify(COAT)
            cooler = governor.state.child
            self.assertNotEqual(cooler, first.child)
            self.assertIn(cooler, repr(governor))
            self.fails("governor_no_duration", governor.set_budget, -1.0)
            governor.set_budget(2 * ANY_BUDGET)
            self.assertEqual(governor.state.limit_ms, 2 * ANY_BUDGET)
            with self.assertRaisesRegex(ValueError, '"serious" or "critical"'):
                governor.set_thermal_hint("hot")
        self.assertTrue(governor.is_closed)
        self.assertEqual(self.runtime.active, cooler)
        self.assertEqual(self.runtime.classify(COAT).child, cooler)

    def test_a_limit_that_no_child_keeps_is_told_and_one_that_is_none_is_refused(self):
        with self.runtime.govern(1e-6) as governor:
            for _ in range(40):
                governor.classify(COAT)
            self.assertTrue(governor.state.is_too_slow)
            self.assertGreater(governor.state.p95_ms, 0)
        self.fails("invalid_budget", self.runtime.govern, float("nan"))


if __name__ == "__main__":
    unittest.main()
