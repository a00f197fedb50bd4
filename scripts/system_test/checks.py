"""What a step demands, and how long it waits for it."""

import time

PATIENCE = 60  # seconds; only a step that fails waits so long


class Failure(Exception):
    """What a step found wrong."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_until(condition, message):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < deadline, message)
        time.sleep(0.01)
