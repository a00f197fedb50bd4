"""The random choices of the steps, all from one seed."""

import os
import random

SEED = int(os.environ.get("SYSTEM_TEST_SEED") or random.SystemRandom().getrandbits(32))


def chance(name):
    """A source of choices for one step, so that the steps can be run apart from each other."""
    return random.Random(f"{SEED} {name}")
