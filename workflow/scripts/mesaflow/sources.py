"""What a ``system`` section of a configuration asks for, as far as it can be told without building anything."""

from pathlib import Path

from .errors import InputError
from .retrieval import entry_file

AS_GIVEN = "as_given"
"""The value of ``system.solvent`` for a structure that brings its solvent and box along."""

WATERS = {
    "tip3p": "tip3p",
    "tip3pfb": "tip3p",
    "spce": "spce",
    "opc3": "spce",
    "tip4pew": "tip4pew",
    "tip4pfb": "tip4pew",
    "opc": "tip4pew",
}
"""Water models, and the one whose equilibrated box each starts from: one with as many sites."""


_NO_COORDINATES = {".prmtop": ".inpcrd or .rst7", ".parm7": ".inpcrd or .rst7", ".psf": ".crd or .pdb", ".top": ".gro"}
"""Files that tell atoms and forces but no coordinates, and what coordinates come in for each."""

_SOURCES = ("structure", "sequence", "pdb_id")
_HEAVY_HYDROGEN = 1.5
"""The mass [amu] from which hydrogens allow steps of 4 fs with fixed bonds."""

_SLOWEST_HYDROGENS = 3.0
"""The time step [fs] beyond which hydrogens of their own mass move too far in a step, even with fixed bonds."""


def is_explicit(solvent: str) -> bool:
    """Tell whether a value of ``system.solvent`` means solvent molecules in a periodic box."""
    return solvent in WATERS or solvent == AS_GIVEN


def brings_forces(system: dict) -> bool:
    """Tell whether the structure of a ``system`` section comes with its forces (Amber, CHARMM, GROMACS)."""
    path = system.get("structure")
    return path is not None and Path(path).suffix.lower() in _NO_COORDINATES


def coordinate_formats(path: str) -> str:
    """Name the formats of the coordinates that a file without any needs."""
    return _NO_COORDINATES[Path(path).suffix.lower()]


def source_files(system: dict) -> list[str]:
    """Return the files that the molecule of a ``system`` section is made from."""
    if system.get("pdb_id"):
        return [str(entry_file(system["pdb_id"]))]
    files = [system.get("structure"), system.get("coordinates"), *system.get("parameters", [])]
    return [file for file in files if file]


def keys_with_effect(system: dict) -> dict:
    """Return a ``system`` section without the keys that have no effect, so that changing one of these reruns nothing."""
    unused = {key for key, value in system.items() if value in (None, [], False)}
    if not (system["add_hydrogens"] or system["sequence"]):
        unused.add("pH")
    if not is_explicit(system["solvent"]):
        unused |= {"box", "equilibration"}
    return {key: value for key, value in system.items() if key not in unused}


def check_sources(system: dict, timestep_fs: float) -> None:
    """Check that the keys of a ``system`` section fit one another.

    Raises:
        InputError: If they do not.
    """
    given = [key for key in _SOURCES if system[key]]
    if len(given) != 1:
        found = " and ".join(f"system.{key}" for key in given) or "none"
        raise InputError(
            f"a molecule comes from one of system.structure, system.sequence and system.pdb_id, but {found} is given; "
            "give one, and set the others to null."
        )
    if brings_forces(system):
        _check_own_forces(system)
    else:
        _check_force_field(system)
    mass = system["hydrogen_mass_amu"]
    if timestep_fs > _SLOWEST_HYDROGENS and (mass is None or mass < _HEAVY_HYDROGEN):
        weight = "their own mass" if mass is None else f"{mass:g} amu"
        raise InputError(
            f"dynamics.timestep_fs is {timestep_fs:g} with hydrogens of {weight}; give at most "
            f"{_SLOWEST_HYDROGENS:g}, or system.hydrogen_mass_amu 3 or 4."
        )


def _check_own_forces(system: dict) -> None:
    structure = system["structure"]
    if not system["coordinates"]:
        raise InputError(
            f"system.structure {structure!r} has no coordinates, and system.coordinates is null; give its "
            f"{coordinate_formats(structure)} file."
        )
    if system["force_field"]:
        raise InputError(
            f"system.force_field is {system['force_field']}, but system.structure {structure!r} brings its own forces; "
            "set system.force_field to []."
        )
    if Path(structure).suffix.lower() == ".psf" and not system["parameters"]:
        raise InputError(
            f"system.structure {structure!r} names no parameters, and system.parameters is empty; give its files (prm, rtf, str)."
        )
    if system["solvent"] in WATERS:
        raise InputError(
            f"system.solvent is {system['solvent']!r}, but nothing tells how water acts on {structure!r}, which brings its "
            "own forces; solvate it before and choose as_given, or give a PDB file and system.force_field."
        )
    if system["add_hydrogens"]:
        raise InputError(f"system.add_hydrogens is true, but the atoms of {structure!r} are fixed; set it to false.")


def _check_force_field(system: dict) -> None:
    if not system["force_field"]:
        raise InputError(
            "system.force_field is empty; name force-field files, such as amber14-all.xml, or give system.structure as a "
            "prmtop, psf or top."
        )
    for key in ("coordinates", "parameters"):
        if system[key]:
            raise InputError(
                f"system.{key} is {system[key]!r}, which only a system.structure of Amber, CHARMM or GROMACS needs; drop it."
            )
    if system["solvent"] == AS_GIVEN and not system["structure"]:
        raise InputError(
            "system.solvent is 'as_given', but only system.structure can bring solvent along; choose a water model."
        )
