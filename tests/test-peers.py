#!/usr/bin/python3
"""Runs the AWS peer's own tests (tests/peers/test_*.py) and prints TAP.

test-peers.py [NAME]: only tests whose id has NAME.
"""

import os
import sys
import unittest

sys.dont_write_bytecode = True
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")


class Tap(unittest.TestResult):
    """One line a test; what went wrong stands behind it."""

    def __init__(self):
        super().__init__()
        self.wrong = []

    def addError(self, test, err):
        super().addError(test, err)
        self.wrong.append(self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.wrong.append(self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.wrong.append(f"{subtest}\n{self._exc_info_to_string(err, test)}")

    def stopTest(self, test):
        super().stopTest(test)
        print(f'{"not ok" if self.wrong else "ok"} {self.testsRun} - {test.id()}', flush=True)
        for line in (line for text in self.wrong for line in text.splitlines()):
            print(f"# {line}")
        self.wrong = []


def each(suite):
    for item in suite:
        yield from each(item) if isinstance(item, unittest.TestSuite) else [item]


def main():
    sys.path.insert(0, FOLDER)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    found = unittest.TestLoader().discover(FOLDER, "test_*.py", FOLDER)
    chosen = [test for test in each(found) if wanted in test.id()]
    result = Tap()
    print(f"1..{len(chosen)}", flush=True)
    unittest.TestSuite(chosen).run(result)
    sys.exit(0 if chosen and result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
