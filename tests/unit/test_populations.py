import numpy as np

from mesaflow.populations import free_energy_surface, standard_deviation, state_free_energies
from mesaflow.units import thermal_energy

TEMPERATURE = 300.0
RT = thermal_energy(TEMPERATURE)


def test_free_energy_surface_by_hand():
    bins = np.array([0, 0, 1, 3])
    weights = np.array([0.25, 0.25, 0.4, 0.1])
    bootstrap = np.array([[0.25, 0.25, 0.4, 0.1], [0.25, 0.25, 0.5, 0.0], [0.3, 0.2, 0.25, 0.25]])
    surface, errors = free_energy_surface(bins, 5, weights, bootstrap, TEMPERATURE)
    np.testing.assert_allclose(surface, [0, RT * np.log(0.5 / 0.4), np.nan, RT * np.log(5), np.nan])
    second = -RT * np.log(np.array([0.4, 0.5, 0.25]) / 0.5)
    fourth = -RT * np.log(np.array([0.1, 0.25]) / 0.5)
    np.testing.assert_allclose(errors, [0, second.std(ddof=1), np.nan, fourth.std(ddof=1), np.nan], atol=1e-12)


def test_state_without_samples_has_no_free_energy():
    members = {"a": np.array([True, True]), "b": np.array([False, False])}
    result = state_free_energies(members, "a", np.array([0.5, 0.5]), np.full((3, 2), 0.5), TEMPERATURE)
    assert result["a"] == (0, 0)
    assert np.isnan(result["b"]).all()


def test_standard_deviation_leaves_out_what_is_not_finite():
    drawn = np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan], [5.0, 6.0, 1.0]])
    np.testing.assert_allclose(standard_deviation(drawn), [2, np.sqrt(8), np.nan])
