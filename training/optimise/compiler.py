"""The C++ compiler that torch.compile calls."""

import os
import shutil

from model.errors import InvalidOption

COMPILERS = ("g++", "clang++", "c++")


def require_compiler() -> None:
    """Check that torch.compile finds one: without it the first batch would fail halfway.

    Raises:
        InvalidOption: there is none.
    """
    names = (os.environ["CXX"],) if os.environ.get("CXX") else COMPILERS
    if not any(map(shutil.which, names)):
        raise InvalidOption(
            f"--compile needs a C++ compiler ({' or '.join(names)}): install one, or leave --compile out"
        )
