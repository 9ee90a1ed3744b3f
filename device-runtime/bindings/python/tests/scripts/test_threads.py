"""Many threads, the interpreter's lock, and the end of the process."""

import os
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import nestling
from support import ANY_BUDGET, BUNDLE, COAT, WithRuntime


class Threads(WithRuntime):
    def test_threads_classify_and_switch_at_once(self):
        wanted = {}
        for name in ("smallest", "biggest"):
            self.runtime.switch_to(name)
            wanted[name] = self.runtime.classify(COAT).guesses

        def work(number):
            if number % 5 == 0:
                self.runtime.switch_to(("smallest", "biggest")[number % 2])
            answer = self.runtime.classify(COAT)
            return answer.guesses == wanted[answer.child]

        with ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(work, range(80))))

    def test_one_may_measure_and_another_is_refused_and_others_classify(self):
        started, outcome = threading.Event(), []
        measuring = threading.Thread(
            target=lambda: outcome.append(self.runtime.profile(progress=lambda fraction, phase: started.set()))
        )
        measuring.start()
        self.assertTrue(started.wait(30))
        self.fails("busy", self.runtime.choose, ANY_BUDGET)
        # The lock is free during a measurement: this thread runs meanwhile.
        turns = 0
        while measuring.is_alive():
            turns += 1
            self.runtime.classify(COAT)
        measuring.join()
        self.assertEqual(outcome, [True])
        self.assertGreater(turns, 3)

    def test_closing_while_others_classify_ends_them_in_order(self):
        outcomes = []

        def work():
            try:
                while True:
                    self.runtime.classify(COAT)
            except ValueError as error:
                outcomes.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        self.runtime.close()
        for thread in threads:
            thread.join(30)
        self.assertEqual(outcomes, ["the runtime is closed: open another one"] * 4)

    def test_a_governor_serves_threads(self):
        with self.runtime.govern(ANY_BUDGET) as governor, ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: governor.classify(COAT).label, range(40)))
        self.assertEqual(set(answers), {"coat"})


class Exits(unittest.TestCase):
    """Programs of their own that end with a runtime that nobody closed."""

    def run_program(self, *lines):
        text = "\n".join(["import nestling, os, signal, sys, threading", f"path = {str(BUNDLE)!r}", *lines])
        ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120)
        return ended.returncode, ended.stdout, ended.stderr

    def test_a_program_may_end_with_runtimes_and_governors_open(self):
        lines = ["runtime = nestling.Runtime(path)", "kept = [nestling.Runtime(path), runtime.govern(1e6)]"]
        lines += [f"print(kept[1].classify({str(COAT)!r}).label)", "kept.append(kept)"]
        self.assertEqual(self.run_program(*lines), (0, "coat\n", ""))
        # With a thread that never ends.
        image = str(COAT)
        lines += ["def work():", "    while True: runtime.classify(" + repr(image) + ")"]
        lines += ["threading.Thread(target=work, daemon=True).start()", "import time; time.sleep(0.3)"]
        code, printed, _ = self.run_program(*lines)
        self.assertEqual((code, printed), (0, "coat\n"))

    def test_an_exception_and_an_exit_leave_no_crash(self):
        code, _, errors = self.run_program("runtime = nestling.Runtime(path)", "raise KeyError('mine')")
        self.assertEqual(code, 1)
        self.assertTrue(errors.endswith("KeyError: 'mine'\n"), errors)
        self.assertEqual(self.run_program("runtime = nestling.Runtime(path)", "sys.exit(7)")[0], 7)

    def test_ctrl_c_in_a_measurement_ends_the_program_as_usual(self):
        lines = ["runtime = nestling.Runtime(path)"]
        lines += ["threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()"]
        lines += ["while True:", "    with nestling.Runtime(path) as other: other.profile()"]
        code, _, errors = self.run_program(*lines)
        self.assertEqual(code, -signal_number())
        self.assertIn("KeyboardInterrupt", errors)


def signal_number():
    import signal

    return int(signal.SIGINT)


if __name__ == "__main__":
    unittest.main()
