"""Steps that take place more than once."""

import functools

from .servers import RUNTIMES


def on_each_runtime(function):
    """A step that gets a runtime for ftpd, once for each."""
    steps = []
    for runtime in RUNTIMES:
        one = functools.partial(function, runtime=runtime)
        one.__name__ = f"{function.__name__}_on_{runtime.replace('-', '_')}"
        one.__doc__ = f"On {runtime}: {function.__doc__}"
        steps.append(one)
    return steps
