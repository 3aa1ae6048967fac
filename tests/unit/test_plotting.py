"""Figures hold what their tables say, and come out the same twice."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mesaflow import plotting
from mesaflow.kinds import KINDS, Axis

PHI, PSI = (Axis(name, KINDS["dihedral"], -180, 180, 36) for name in ("phi", "psi"))
RMSD = Axis("r", KINDS["rmsd"], 0.0, 2.0, 100)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def surface():
    angles = np.arange(-175, 180, 10.0)
    phi, psi = (axis.ravel() for axis in np.meshgrid(angles, angles, indexing="ij"))
    free_energy = np.where(phi < 100, 20 * (1 - np.cos(np.radians(phi + 80))), np.nan)
    return pd.DataFrame(
        {"phi_deg": phi, "psi_deg": psi, "free_energy_kJ_per_mol": free_energy, "standard_error_kJ_per_mol": 0.5}
    )


@pytest.fixture
def profile():
    angles = np.arange(-175, 180, 10.0)
    free_energy = 20 * (1 - np.cos(np.radians(angles + 80)))
    return pd.DataFrame({"phi_deg": angles, "free_energy_kJ_per_mol": free_energy, "standard_error_kJ_per_mol": 0.5})


def test_a_figure_is_written_twice_with_the_same_bytes(profile, tmp_path):
    published = pd.DataFrame({"value_deg": [-79], "free_energy_kJ_per_mol": [0.0], "label": ["C7eq"]})
    for name in ("first", "second"):
        figure = plotting.draw_profile(profile, published)
        plotting.save_figure(figure, tmp_path / f"{name}.svg", tmp_path / f"{name}.png", dpi=50)
    for kind in ("svg", "png"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()
    assert "C7eq" in (tmp_path / "first.svg").read_text()


def test_a_profile_has_a_band_of_two_standard_errors(profile):
    axis = plotting.draw_profile(profile, pd.DataFrame()).axes[0]
    band = axis.collections[0].get_paths()[0].vertices
    at_zero = band[np.isclose(band[:, 0], 5.0), 1]
    line = profile.loc[profile["phi_deg"] == 5, "free_energy_kJ_per_mol"].item()
    assert at_zero.min() == pytest.approx(line - 1.0)
    assert at_zero.max() == pytest.approx(line + 1.0)


def test_a_surface_leaves_unsampled_bins_white(surface):
    figure = plotting.draw_surface(surface, maximum=80, step=5, colour_map="viridis")
    axis = figure.axes[0]
    filled = axis.collections[0]
    furthest = max(path.vertices[:, 0].max() for path in filled.get_paths() if len(path.vertices))
    assert furthest <= 95
    assert axis.get_xlabel() == "φ [°]"
    assert axis.get_ylabel() == "ψ [°]"


def test_coverage_maps_count_the_bins_visited_so_far():
    table = pd.DataFrame({"phi_deg": [-175, -165, 5], "psi_deg": [5, 5, 5], "first_round": [0, 1, 1]})
    figure = plotting.draw_coverage_maps(table, PHI, PSI)
    assert [axis.get_title() for axis in figure.axes if axis.get_visible()] == ["seed: 1", "round 1: 3"]


def test_coverage_of_a_length_shows_what_has_been_visited():
    table = pd.DataFrame({"phi_deg": [-175, 5], "r_nm": [0.41, 0.61], "first_round": [0, 1]})
    axis = plotting.draw_coverage_maps(table, PHI, RMSD).axes[0]
    assert axis.get_xlim() == (-180, 180)
    assert axis.get_ylim() == pytest.approx((0.39, 0.63))
    (rectangle,) = (path.get_extents() for path in axis.collections[1].get_paths())
    assert (rectangle.width, rectangle.height) == pytest.approx((10, 0.02))
    axis = plotting.draw_coverage_profile(table, RMSD).axes[0]
    assert axis.get_xlabel() == "r [nm]" and axis.patches[0].get_width() == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("column", "label"), [("phi_deg", "φ [°]"), ("rg_nm", "rg [nm]"), ("q", "q"), ("cv_2", "CV 2")]
)
def test_labels_say_the_unit(column, label):
    assert plotting.axis_label(column) == label


@pytest.mark.parametrize(
    ("column", "edges"),
    [("theta_deg", np.linspace(0, 180, 37)), ("d_nm", np.linspace(0, 2, 101)), ("q", np.linspace(0, 1, 51))],
)
def test_a_profile_that_is_no_circle_shows_what_has_been_sampled(column, edges):
    middles = (edges[:-1] + edges[1:]) / 2
    sampled = (middles > 0.2 * edges[-1]) & (middles < 0.8 * edges[-1])
    table = pd.DataFrame({column: middles, "free_energy_kJ_per_mol": np.where(sampled, 1.0, np.nan)})
    axis = plotting.draw_profile(table.assign(standard_error_kJ_per_mol=0.1), pd.DataFrame()).axes[0]
    width = middles[1] - middles[0]
    assert axis.get_xlim() == pytest.approx((middles[sampled].min() - width, middles[sampled].max() + width))


@pytest.mark.filterwarnings("error")
def test_a_surface_without_any_sample_can_be_drawn(surface):
    empty = surface.assign(free_energy_kJ_per_mol=np.nan, standard_error_kJ_per_mol=np.nan)
    plotting.draw_surface(empty, maximum=80, step=5, colour_map="viridis")
    plotting.draw_profile(empty.drop(columns="psi_deg").drop_duplicates("phi_deg"), pd.DataFrame())


def test_growth_is_drawn_with_and_without_unbiased_simulations():
    rounds = pd.DataFrame({"simulation": "rounds", "md_ns": [0.8, 2.3], "n_bins_visited": [100, 200]})
    unbiased = pd.DataFrame({"simulation": "unbiased", "md_ns": [1.0, 2.0], "n_bins_visited": [90, 110]})
    assert len(plotting.draw_coverage_growth(rounds).axes[0].lines) == 1
    both = plotting.draw_coverage_growth(pd.concat([rounds, unbiased])).axes[0]
    assert both.lines[1].get_ydata().tolist() == [90, 110]


def test_a_latent_has_a_panel_for_each_observable_and_shows_the_windows():
    frames = pd.DataFrame({"kind": "frame", "cv_1": [0.0, 1.0], "cv_2": [0.0, 1.0], "phi_deg": [-80, 60], "psi_deg": 0})
    windows = pd.DataFrame({"kind": "window", "cv_1": [2.0], "cv_2": [3.0]})
    axes = plotting.draw_latent(pd.concat([frames, windows]), {"phi": "dihedral", "psi": "dihedral"}).axes[:2]
    for axis in axes:
        assert axis.collections[1].get_offsets().tolist() == [[2.0, 3.0]]


def test_a_length_colours_a_latent_from_its_least_to_its_greatest_value():
    frames = pd.DataFrame({"kind": "frame", "cv_1": [0.0, 1.0], "cv_2": [0.0, 1.0], "d_nm": [0.5, 0.7]})
    figure = plotting.draw_latent(frames, {"d": "distance"})
    assert figure.axes[0].collections[0].norm.vmin == 0.5 and figure.axes[0].collections[0].norm.vmax == 0.7
    assert figure.axes[1].get_ylabel() == "d [nm]"


def test_a_latent_of_one_cv_and_no_observable_can_be_drawn():
    table = pd.DataFrame({"kind": ["frame", "window"], "cv_1": [0.0, 1.0]})
    assert plotting.draw_latent(table, {}).axes[0].get_xlabel() == "CV 1"


@pytest.fixture
def training() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "round": [1, 1, 2, 2],
            "epoch": [1, 2, 1, 2],
            "loss_training": [1.0, 0.5, 0.9, 0.4],
            "loss_validation": [1.1, 0.6, 1.0, 0.5],
            "fve_training": [0.8, 0.8, 0.9, 0.9],
            "fve_validation": [0.7, 0.7, 0.8, 0.8],
            "restart_correlation_mean": [0.95, 0.95, 0.97, 0.97],
            "restart_correlation_smallest": [0.5, 0.5, 0.94, 0.94],
        }
    )


def test_training_shows_every_round(training):
    losses, explained, agreement = plotting.draw_training(training).axes
    assert len(losses.lines) == 4
    assert explained.lines[1].get_ydata().tolist() == [0.7, 0.8]
    assert agreement.lines[1].get_ydata().tolist() == [0.5, 0.94]


def test_a_single_network_has_no_panel_of_agreement(training):
    alone = training.assign(restart_correlation_mean=np.nan, restart_correlation_smallest=np.nan)
    assert len(plotting.draw_training(alone).axes) == 2


def test_rounds_with_too_few_frames_to_compare_are_left_out(training):
    training.loc[training["round"] == 1, ["restart_correlation_mean", "restart_correlation_smallest"]] = np.nan
    agreement = plotting.draw_training(training).axes[2]
    np.testing.assert_array_equal(agreement.lines[1].get_ydata(), [np.nan, 0.94])


def test_the_chosen_number_of_cvs_is_marked():
    table = pd.DataFrame({"n_cvs": [1, 2, 3, 4], "fve_validation": [0.4, 0.8, 0.81, 0.82], "chosen": [0, 1, 0, 0]})
    curve, chosen = plotting.draw_n_cvs(table.astype({"chosen": bool})).axes[0].lines
    assert curve.get_xydata().tolist()[:2] == [[0, 0], [1, 0.4]]
    assert chosen.get_xydata().tolist() == [[2, 0.8]]
