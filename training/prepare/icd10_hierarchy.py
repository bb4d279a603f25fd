"""ICD-10-CM's tree, from the package ``simple-icd-10-cm``."""

import warnings
from functools import cache
from types import ModuleType


@cache
def icd10_hierarchy() -> ModuleType:
    """The package, imported when it is asked for the first time: it reads the whole tabular list then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of importlib.resources, which its import calls
        import simple_icd_10_cm
    module: ModuleType = simple_icd_10_cm
    return module
