"""How the stack tells a person what it is doing: one line a step, on standard error."""

import sys


def tell(message: str) -> None:
    """Print one line of progress; a closed standard error is no reason to stop."""
    try:
        print(f"stack: {message}", file=sys.stderr, flush=True)
    except OSError:
        return
