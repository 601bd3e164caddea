"""docs/keras-3.md says what the committed results say."""

import json

from backends_test.keras_cases.publish import PAGE, RESULTS, page


def test_the_page_is_that_of_the_committed_results() -> None:
    committed = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page(committed)
    assert page(committed | {"cases": committed["cases"][1:]}) != page(committed)
