import pytest

from m2l_bench.text import fixed


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.844, "3.84"), (-0.004, "0.00"), (0.0, "0.00"), (-0.006, "-0.01"), (float("inf"), "∞"), (-float("inf"), "-∞")],
)
def test_numbers_have_fixed_decimals_and_zero_has_no_sign(value: float, text: str) -> None:
    assert fixed(value, 2) == text
