"""Who types: what is kept beside a change. In a container a user need not have a name."""

import getpass
import os


def name_of_user() -> str:
    """The account's name, or its number where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # by version of Python, for an account without a name
        return f"uid {os.getuid()}"
