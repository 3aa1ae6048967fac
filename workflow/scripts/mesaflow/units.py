"""Constants in the package's units: nm, ps, K, kJ/mol, rad, amu."""

MOLAR_GAS_CONSTANT = 0.00831446261815324
"""The molar gas constant [kJ/mol/K] (CODATA 2018, exact)."""

FEMTOSECONDS_PER_PICOSECOND = 1000.0
PICOSECONDS_PER_NANOSECOND = 1000.0


def thermal_energy(temperature: float) -> float:
    """Return the thermal energy RT [kJ/mol] at a temperature [K]."""
    return MOLAR_GAS_CONSTANT * temperature
