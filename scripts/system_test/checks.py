"""What a step demands, and how long it waits for it."""

import time

PATIENCE = 60  # seconds; only a step that fails waits so long


class Failure(Exception):
    """What a step found wrong."""


class NotRun(Exception):
    """What this machine lacks for a step, and whether it could have it."""

    def __init__(self, lack, could_be):
        super().__init__(lack)
        self.could_be = could_be


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_until(condition, message, patience=PATIENCE, pause=0.01):
    """Waits for a condition. A message that is a function is asked for when there is need of it."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(message() if callable(message) else message)
        time.sleep(pause)
