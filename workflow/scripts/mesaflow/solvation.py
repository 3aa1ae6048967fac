"""Explicit solvent: which molecules count as solvent, and a periodic box of water and ions around a molecule."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from openmm import app, unit

from .errors import InputError
from .periodic import make_whole
from .sources import WATERS
from .structures import Structure, seeded

_FAMILIES = {"amber14": "amber14", "amber19": "amber19", "charmm36": "charmm36"}
"""Force fields with water files of their own in a folder of OpenMM's, by how their names begin."""
_CHARMM_TIP3P = "charmm36/water.xml"

WATER_NAMES = frozenset(
    ["HOH", "WAT", "H2O", "SOL", "TIP", "TIP2", "TIP3", "TP3", "TIP4", "TP4", "T3P", "T4P", "SPC", "SPCE", "DOD"]
)
ION_NAMES = frozenset(
    [
        "NA",
        "NA+",
        "SOD",
        "K",
        "K+",
        "POT",
        "LI",
        "LI+",
        "LIT",
        "CL",
        "CL-",
        "CLA",
        "BR",
        "BR-",
        "F",
        "F-",
        "I",
        "I-",
        "RB",
        "CS",
        "MG",
        "CAL",
    ]
)

BOX_VECTORS = {
    "cube": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "dodecahedron": ((1, 0, 0), (0, 1, 0), (1 / 2, 1 / 2, 2**0.5 / 2)),
    "octahedron": ((1, 0, 0), (1 / 3, 8**0.5 / 3, 0), (-1 / 3, 2**0.5 / 3, 6**0.5 / 3)),
}
"""Periodic boxes of unit width, as OpenMM takes them; the last two are rhombic and truncated."""

PADDING = "raise system.box.padding_nm"
_SHRINKAGE = 1.05  # by which a box of water that has just been filled may be wider than at equilibrium


def water_files(model: str, force_field: list[str]) -> list[str]:
    """Return the force-field files, of those that OpenMM ships, that add a water model and its ions.

    Args:
        model: A key of ``WATERS``.
        force_field: The force field of the solute.

    Returns:
        The file; none where the force field has water of its own.

    Raises:
        InputError: If OpenMM ships none that goes with the force field.
    """
    shipped = Path(app.__file__).parent / "data"
    if any(Path(name).stem.startswith(tuple(WATERS)) or Path(name).stem == "water" for name in force_field):
        return []
    family = next((folder for start, folder in _FAMILIES.items() if force_field[0].startswith(start)), None)
    name = f"{family}/{model}.xml" if family else f"{model}.xml"
    if family == "charmm36" and model == "tip3p":
        name = _CHARMM_TIP3P
    if not (shipped / name).is_file():
        raise InputError(
            f"system.solvent is {model!r}, for which OpenMM ships no file that goes with {force_field[0]}; "
            "choose another water model, or name a file with it in system.force_field."
        )
    return [name]


def count_solute_atoms(topology: app.Topology) -> int:
    """Count the atoms before the first water molecule or ion.

    Raises:
        InputError: If there is none, or some of the solute come after solvent.
    """
    solvent = np.array([is_solvent(atom.residue) for atom in topology.atoms()])
    n_solute = int(np.sum(~solvent))
    if n_solute == 0:
        raise InputError("system.structure holds nothing but water and ions; give a molecule.")
    if solvent[:n_solute].any():
        late = np.flatnonzero(~solvent & (np.cumsum(solvent) > 0))[0]
        first = next(atom for atom in topology.atoms() if atom.index == late)
        raise InputError(
            f"system.structure has {first.residue.name} {first.residue.id} after water or ions; "
            "put all molecules that are to be stored before the solvent."
        )
    return n_solute


def is_solvent(residue: app.topology.Residue) -> bool:
    """Tell whether a residue is water or a monatomic ion, by its name."""
    return residue.name.upper() in WATER_NAMES or (residue.name.upper() in ION_NAMES and len(residue) == 1)


def box_vectors(structure: Structure, shape: str, padding: float) -> np.ndarray:
    """Return the periodic box [nm] in which no turn of a molecule brings it nearer to an edge than ``padding`` [nm].

    Args:
        structure: The molecule.
        shape: A key of ``BOX_VECTORS``.
        padding: The smallest distance [nm].

    Returns:
        The vectors as rows, ``shape=(3, 3)``.
    """
    middle = (structure.coordinates.min(axis=0) + structure.coordinates.max(axis=0)) / 2
    radius = np.linalg.norm(structure.coordinates - middle, axis=1).max()
    return 2 * (radius + padding) * np.array(BOX_VECTORS[shape])


def check_box(vectors: np.ndarray, cutoff: float, remedy: str) -> None:
    """Refuse a box in which a particle would see two images of another.

    Args:
        vectors: The box [nm] as rows, ``shape=(3, 3)``.
        cutoff: The cut-off [nm].
        remedy: What to do about it.

    Raises:
        InputError: If the box is, or on equilibration may become, narrower than twice the cut-off.
    """
    width = float(np.diag(vectors).min())
    if width < 2 * cutoff * _SHRINKAGE:
        raise InputError(
            f"the periodic box is {width:.2f} nm wide where it is narrowest, with system.box.cutoff_nm {cutoff:g}; "
            f"it must be wider than twice the cut-off, and {_SHRINKAGE - 1:.0%} more as water shrinks: {remedy}."
        )


def whole_as_given(structure: Structure, cutoff: float) -> Structure:
    """Return a structure that brings its solvent and box along, its molecules whole.

    Raises:
        InputError: If it has no box, or one too small for the cut-off [nm].
    """
    vectors = structure.topology.getPeriodicBoxVectors()
    if vectors is None:
        raise InputError(
            "system.solvent is 'as_given', but system.structure and system.coordinates hold no periodic box; "
            "give one there, or choose a water model."
        )
    box = np.array([vector.value_in_unit(unit.nanometer) for vector in vectors])
    check_box(box, cutoff, "lower system.box.cutoff_nm or give a larger box")
    bonds = [(first.index, second.index) for first, second in structure.topology.bonds()]
    return replace(structure, coordinates=make_whole(structure.coordinates, bonds, box))


def solvate(structure: Structure, force_field: app.ForceField, model: str, box: dict, random_seed: int) -> Structure:
    """Put a molecule into a box of water with ions that make it neutral.

    Args:
        structure: The molecule; water and ions that it brings along stay, behind all others.
        force_field: The force field, with water.
        model: A key of ``WATERS``.
        box: The ``system.box`` section of a configuration.
        random_seed: Decides which water molecules become ions.

    Raises:
        InputError: If the box is too small for the cut-off, or the force field has no ions.
    """
    vectors = box_vectors(structure, box["shape"], box["padding_nm"])
    check_box(vectors, box["cutoff_nm"], PADDING)
    modeller = app.Modeller(structure.topology, structure.positions)
    own = [residue for residue in modeller.topology.residues() if is_solvent(residue)]
    if own:
        solvent = app.Modeller(structure.topology, structure.positions)
        solvent.delete([residue for residue in structure.topology.residues() if not is_solvent(residue)])
        modeller.delete(own)
        modeller.add(solvent.topology, solvent.positions)
    try:
        with seeded("solvation", random_seed=random_seed):
            modeller.addSolvent(
                force_field,
                model=WATERS[model],
                boxVectors=vectors * unit.nanometer,
                ionicStrength=box["ionic_strength_M"] * unit.molar,
            )
    except Exception as error:  # a missing template is a ValueError, a Modeller's complaint almost anything
        raise InputError(
            f"system.structure cannot be put into {model} water: {str(error).splitlines()[0]} "
            "Choose a force field with water and ions, such as amber14-all.xml with tip3p."
        ) from error
    coordinates = np.array(modeller.positions.value_in_unit(unit.nanometer), dtype=float)
    return Structure(modeller.topology, coordinates)
