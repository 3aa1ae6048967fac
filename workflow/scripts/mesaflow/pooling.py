"""The samples of production windows, pooled with those of the pieces that extend them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .encoder import Encoder
from .manifest import center_columns
from .reweighting import Restraints, decorrelate, unwrap


@dataclass(frozen=True)
class Pool:
    """Samples of all production windows.

    Attributes:
        samples: One row a frame: piece, window, time_ps, cv_1 …; a piece is one simulation, a window all those under the same
            restraint. The time of a piece that extends a window counts on from the ramp.
        restraints: The windows' restraints.
    """

    samples: pd.DataFrame
    restraints: Restraints

    def choose_rows(self, ramp: float) -> np.ndarray:
        """Choose uncorrelated rows, in the order of windows, without the ramp [ps]."""
        pieces = self.samples.assign(window=self.samples["piece"])
        rows = decorrelate(unwrap(pieces, self.restraints.periods), ramp)
        return rows[np.argsort(self.samples["window"].to_numpy()[rows], kind="stable")]


def pool_samples(rows: list[dict], statuses: list[dict], samples: pd.DataFrame, encoder: Encoder, ramp: float) -> Pool:
    """Pool the samples of windows with those of the pieces that extend them.

    A piece whose force constant had to be lowered is a window of its own.

    Args:
        rows: The rows of the manifests; those of pieces name the window that they extend.
        statuses: How each piece went.
        samples: One row a frame: window (the piece's number), time_ps, cv_1 ….
        encoder: The collective variables.
        ramp: The ramp [ps] of windows, which pieces that extend them do not have.
    """
    finished = {status["window"]: status["force_constant"] for status in statuses if status["outcome"] == "finished"}
    rows = [row for row in rows if row["window"] in finished]
    owner = {}
    for row in rows:
        number = row["window"]
        extended = row.get("extends", number)
        owner[number] = extended if finished.get(extended) == finished[number] else number
    windows = [row for row in rows if owner[row["window"]] == row["window"]]
    restraints = Restraints(
        windows=np.array([row["window"] for row in windows]),
        centers=np.array([[row[column] for column in center_columns(encoder.n_cvs)] for row in windows]),
        force_constants=np.array([finished[row["window"]] for row in windows]),
        periods=encoder.periods,
    )
    samples = samples.rename(columns={"window": "piece"})
    extends = samples["piece"].isin([row["window"] for row in rows if "extends" in row])
    samples["time_ps"] += np.where(extends, ramp, 0.0)
    samples.insert(1, "window", samples["piece"].map(owner))
    return Pool(samples, restraints)
