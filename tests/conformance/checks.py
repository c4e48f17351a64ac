"""Prints `ok <what>` or `FAIL <what>: <why>`, one line per check."""

import json
import sys
import time
import traceback

with open(sys.argv[1]) as file:
    world = json.load(file)


def check(what):
    """Runs the function immediately. It passes if it raises nothing."""

    def run(function):
        try:
            function()
            print(f"ok {what}", flush=True)
        except BaseException as error:
            print(f"FAIL {what}: {error!r} {traceback.extract_tb(error.__traceback__)[-1].line}", flush=True)

    return run


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def raises(kind, function, **expected):
    """Checks the attributes of the error that the function raises."""
    try:
        found = function()
    except kind as error:
        for name, value in expected.items():
            equal(getattr(error, name), value)
        return error
    raise AssertionError(f"nothing was raised, but {found!r} returned")


def until(ask, enough, seconds=20):
    end = time.monotonic() + seconds
    while True:
        found = ask()
        if enough(found):
            return found
        assert time.monotonic() < end, f"still {found!r}"
        time.sleep(0.05)
