"""Compares the backends with one another and with a NumPy reference: the same model, weights, batches and numbers.

Names are imported at their first use, so that `import backends_test` is quick.

    import backends_test
    comparison = backends_test.compare("model.py:build")
    assert comparison.agree, comparison.first_disagreement
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backends_test.any_model.api import compare
    from backends_test.any_model.errors import SourceError
    from backends_test.any_model.run import Comparison, ComparisonError

__all__ = ["Comparison", "ComparisonError", "SourceError", "compare"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from backends_test.any_model import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
