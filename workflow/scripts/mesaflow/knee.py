"""How many collective variables are enough: the knee of the variance that they explain."""

from dataclasses import dataclass

import numpy as np

_TIE = 1e-9  # errors of fits closer than this are the same: at a sharp knee two divisions fit exactly
_NEXT_TO_NOTHING = 0.1  # of what the first CV explains; two points make a line, so that no fit has a knee at 1
_STILL_RISES = 0.5  # of the slope before a knee; a curve that goes on as steeply has its knee farther on, or none
FEWEST_POINTS = 4
"""Numbers of CVs that have to be tried, two for either line."""


def candidate_numbers(n_cvs: int | str, max_n_cvs: int) -> list[int]:
    """Return the numbers of collective variables to try: the one given, or for ``auto`` all up to the largest."""
    return list(range(1, max_n_cvs + 1)) if n_cvs == "auto" else [n_cvs]


@dataclass(frozen=True)
class Knee:
    """A chosen number of collective variables.

    Attributes:
        n_cvs: The number.
        reason: Why, in words.
    """

    n_cvs: int
    reason: str


def find_knee(explained: list[float]) -> Knee:
    """Find the number of collective variables beyond which further ones explain little, by the L-method.

    The points (d, FVE(d)) are divided into those up to a knee and those after it, and each part is fitted by a straight line;
    the knee is where the errors of the two fits, weighted by the parts' lengths, are smallest (S. Salvador & P. Chan, Proc.
    16th IEEE ICTAI, 576 (2004), doi:10.1109/ICTAI.2004.50). Of divisions that fit equally well the one with more CVs is
    taken, and where the curve jumps between the lines, the CV behind the jump belongs to the knee. One CV is enough if each
    further one adds less than a tenth of what the first explains. As more CVs can do all that fewer do, a curve that falls
    tells of networks that training has failed; it is read as if it stayed level, and the fewer CVs are taken.

    Args:
        explained: FVE(1), FVE(2), …

    Raises:
        ValueError: If there are fewer than ``FEWEST_POINTS``.
    """
    n = len(explained)
    if n < FEWEST_POINTS:
        raise ValueError(f"the knee of {n} points is not defined; give at least {FEWEST_POINTS}.")
    values = np.maximum.accumulate(explained)
    gains = np.diff(values)
    if values[-1] <= 0:
        return Knee(1, "no number of CVs explains any variance")
    if gains.max() < _NEXT_TO_NOTHING * values[0]:
        return Knee(1, f"FVE(1) is {values[0]:.3f}, and no further CV adds more than {gains.max():.3f}")
    errors = {last: _error_of_two_lines(values, last) for last in range(2, n - 1)}
    smallest = min(errors.values())
    last = max(last for last, error in errors.items() if error <= smallest + _TIE)
    # A point that lies on both lines may fall to either part; it belongs to the part whose slope leads to it.
    jumps = gains[last - 1] > (gains[: last - 1].mean() + gains[last:].mean()) / 2 + _TIE
    n_cvs = int(np.argmax(values >= values[last + jumps - 1])) + 1
    reason = (
        f"two lines, through d = 1 to {last} and d = {last + 1} to {n}, fit FVE(d) best; "
        f"FVE({n_cvs}) is {values[n_cvs - 1]:.3f}, and one more CV adds {gains[n_cvs - 1]:.3f}"
    )
    slope_before = (values[n_cvs - 1] - values[0]) / max(n_cvs - 1, 1)
    if gains[n_cvs - 1 :].mean() > _STILL_RISES * slope_before:
        reason += "; the curve hardly bends there, and larger numbers are worth a try"
    return Knee(n_cvs, reason)


def _error_of_two_lines(values: np.ndarray, last: int) -> float:
    """Return the weighted error of the lines through the first ``last`` points and through those after them."""
    numbers, n = np.arange(len(values)), len(values)

    def error(part: slice) -> float:
        x, y = numbers[part], values[part]
        return float(np.sqrt(np.mean((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2)))

    return (last * error(slice(0, last)) + (n - last) * error(slice(last, n))) / n
