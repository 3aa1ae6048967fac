import numpy as np
import pandas as pd
import pytest

from mesaflow.plotting_meaning import draw_correlations, draw_gradients

STAGES = ("round-1", "production")


def correlations(quantities: list[str], stages: tuple[str, ...] = STAGES, n_cvs: int = 2) -> pd.DataFrame:
    """Return correlations −0.001, −0.002, … of the first CV, and 0 of the others."""
    return pd.DataFrame(
        {
            "stage": stage,
            "cv": cv,
            "cv_kind": "linear",
            "quantity": name,
            "kind": "dihedral" if name.startswith("phi") else "distance",
            "correlation": -0.001 * (i + 1) if cv == 1 else 0.0,
        }
        for stage in stages
        for cv in range(1, n_cvs + 1)
        for i, name in enumerate(quantities)
    )


def gradients(n_atoms: int, norms: list[list[float]]) -> pd.DataFrame:
    """Return gradient norms of one CV a stage, circular in the last one."""
    return pd.DataFrame(
        {
            "stage": stage,
            "cv": 1,
            "cv_kind": "circular" if stage == "production" else "linear",
            "atom": f"ALA{i}-CA",
            "rms_gradient_per_nm": row[i],
        }
        for stage, row in zip(STAGES, norms, strict=True)
        for i in range(n_atoms)
    )


def labels(axis, which: str = "x") -> list[str]:
    return [label.get_text() for label in getattr(axis, f"get_{which}ticklabels")()]


def test_a_map_of_correlations_has_a_row_a_cv_and_no_signs():
    axis = draw_correlations(correlations(["phi ALA2", "ALA2-N ALA9-C"])).axes[0]
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.001, 0.002], [0, 0]] * 2)
    assert labels(axis) == ["φ ALA2", "ALA2-N ··· ALA9-C"]
    assert labels(axis, "y") == ["CV 1", "CV 2"] * 2
    assert labels(axis.child_axes[0], "y") == ["round 1", "production"]


def test_of_many_quantities_the_strongest_are_shown_in_their_order():
    axis = draw_correlations(correlations([f"phi ALA{i}" for i in range(100)])).axes[0]
    assert labels(axis) == [f"φ ALA{i}" for i in range(76, 100)]
    assert "24 strongest of 100" in axis.get_title()


def test_a_constant_quantity_leaves_its_cells_empty():
    table = correlations(["phi ALA2", "ALA2-N ALA9-C"], n_cvs=1)
    table.loc[table["quantity"] == "phi ALA2", "correlation"] = np.nan
    axis = draw_correlations(table).axes[0]
    assert [text.get_text() for text in axis.texts] == ["0.00", "0.00"]


def test_of_many_stages_the_first_and_the_last_are_among_those_drawn():
    stages = (*(f"round-{i}" for i in range(1, 51)), "production")
    axis = draw_correlations(correlations(["phi ALA2"], stages)).axes[0]
    drawn = labels(axis.child_axes[0], "y")
    assert (len(drawn), drawn[0], drawn[-1]) == (12, "round 1", "production")
    assert len(axis.images[0].get_array()) == 2 * 12


def test_bars_of_gradients_rise_to_the_largest_of_their_row():
    axis = draw_gradients(gradients(3, [[1.0, 2.0, 4.0], [0.5, 0.25, 0.0]])).axes[0]
    heights = np.abs([patch.get_height() for patch in axis.patches]).reshape(2, 3)
    np.testing.assert_allclose(heights / heights.max(axis=1, keepdims=True), [[0.25, 0.5, 1], [1, 0.5, 0]])
    assert heights.max() < 1  # of the height of a row
    assert [text.get_text() for text in axis.texts] == ["4 1/nm", "0.5 rad/nm"]
    assert labels(axis) == [f"ALA{i}-CA" for i in range(3)]


def test_a_cv_without_any_gradient_can_be_drawn():
    axis = draw_gradients(gradients(2, [[0.0, 0.0], [1.0, 1.0]])).axes[0]
    assert [patch.get_height() for patch in axis.patches][:2] == [0, 0]


@pytest.mark.parametrize(("n_atoms", "step"), [(40, 1), (100, 3)])
def test_of_many_atoms_some_are_named(n_atoms, step):
    axis = draw_gradients(gradients(n_atoms, [[1.0] * n_atoms] * 2)).axes[0]
    assert len(axis.patches) == 2 * n_atoms
    assert labels(axis) == [f"ALA{i}-CA" for i in range(0, n_atoms, step)]
