"""From a structure and a force field to a simulation system: topology, system.xml, minimised positions."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import mdtraj
import numpy as np
import openmm
from openmm import app, unit

from .errors import InputError, first_line
from .files import write_atomically
from .implicit import add_implicit_solvent, use_native_obc2
from .solvation import (
    PADDING,
    box_vectors,
    check_box,
    count_solute_atoms,
    is_solvent,
    solvate,
    water_files,
    whole_as_given,
)
from .sources import WATERS, is_explicit
from .structures import Structure, load_positions, load_structure, read_structure
from .trajectories import load_topology

__all__ = [
    "build_system",
    "check_molecule",
    "create_force_field",
    "describe",
    "find_force_field_file",
    "load_positions",
    "load_structure",
    "minimise",
    "prepare",
    "save_system",
    "save_topology",
    "set_box",
    "take_first",
]

SOLVENTS = {"vacuum": None, "obc2": "implicit/obc2.xml", "gbn2": "implicit/gbn2.xml"}
"""Solvent models without solvent molecules, and the force-field file that OpenMM ships for each."""

_OWN_RADII = {"obc2": app.OBC2, "gbn2": app.GBn2}

CONSTRAINTS = {"none": None, "h_bonds": app.HBonds, "all_bonds": app.AllBonds}

_MINIMISATION_TOLERANCE = 1.0  # root-mean-square force [kJ/mol/nm] at which the minimisation stops


def find_force_field_file(name: str) -> Path:
    """Find a force-field file, among the user's and then among those that OpenMM ships.

    Raises:
        InputError: If there is none of that name.
    """
    shipped = Path(app.__file__).parent / "data"
    for folder in (Path(), shipped):
        if (folder / name).is_file():
            return folder / name
    examples = ", ".join(sorted(path.name for path in shipped.glob("amber*.xml"))[:6])
    raise InputError(
        f"system.force_field names {name!r}, which is neither a file here nor shipped with OpenMM; "
        f"give a path, or one of OpenMM's such as {examples}."
    )


def create_force_field(names: list[str], solvent: str) -> app.ForceField:
    """Load force-field files, and those of the solvent.

    Args:
        names: Names of files, the user's or OpenMM's.
        solvent: A value of ``system.solvent``.

    Raises:
        InputError: If a file is unknown or broken.
    """
    names = [*names, *([SOLVENTS[solvent]] if SOLVENTS.get(solvent) else [])]
    names += water_files(solvent, names) if solvent in WATERS else []
    files = [str(find_force_field_file(name)) for name in names]
    try:
        return app.ForceField(*files)
    except Exception as error:  # a broken file is almost anything
        raise InputError(f"system.force_field {names} does not fit system.structure: {first_line(error)}") from error


def build_system(
    structure: Structure | app.PDBFile,
    force_field: list[str],
    solvent: str,
    constraints: str,
    hydrogen_mass: float | None = None,
    cutoff: float | None = None,
) -> openmm.System:
    """Build a system: without cut-off, or in a periodic box with particle-mesh Ewald sums.

    Args:
        structure: The structure, with all hydrogens and, in explicit solvent, with the solvent and its box.
        force_field: Names of force-field files, the user's or OpenMM's; none for a structure that brings its forces.
        solvent: A value of ``system.solvent``.
        constraints: A key of ``CONSTRAINTS``.
        hydrogen_mass: The mass [amu] that hydrogens get from the atoms they are bonded to; None for their own.
        cutoff: Where the direct sums of a periodic system end [nm].

    Raises:
        InputError: If a file is unknown, or a residue fits no template of the force field.
    """
    keywords = {"nonbondedMethod": app.NoCutoff, "constraints": CONSTRAINTS[constraints]}
    if is_explicit(solvent):
        keywords |= {"nonbondedMethod": app.PME, "nonbondedCutoff": cutoff * unit.nanometer}
    if hydrogen_mass is not None:
        keywords["hydrogenMass"] = hydrogen_mass * unit.amu
    create_system = getattr(structure, "create_system", None)
    if create_system is not None:
        return _create_with_own_forces(structure, create_system, solvent, keywords)
    loaded = create_force_field(force_field, solvent)
    try:
        system = loaded.createSystem(structure.topology, **keywords)
    except Exception as error:  # a missing template is a ValueError, a broken file almost anything
        raise InputError(
            f"system.force_field {force_field} does not fit system.structure: {first_line(error)} "
            "Check its hydrogens, its termini (system.add_hydrogens: true adds those of a protein) and the force field's "
            "residue names."
        ) from error
    if solvent == "obc2":
        use_native_obc2(system)
    return system


def _create_with_own_forces(structure: Structure, create_system: Callable, solvent: str, keywords: dict):
    implicit = bool(SOLVENTS.get(solvent))
    if implicit and structure.has_radii:
        keywords = keywords | {"implicitSolvent": _OWN_RADII[solvent]}
    try:
        system = create_system(**keywords)
    except Exception as error:
        raise InputError(
            f"system.structure makes no system with system.solvent {solvent!r}: {first_line(error)} "
            "Check its files (system.coordinates, system.parameters)."
        ) from error
    if implicit and not structure.has_radii:
        add_implicit_solvent(system, structure.topology, solvent)
    return system


def prepare(settings: dict, random_seed: int = 0) -> tuple[Structure, openmm.System]:
    """Make the structure, with its solvent, and the system that a ``system`` section asks for.

    Args:
        settings: The section; keys without effect may be left out.
        random_seed: Decides which water molecules become ions.

    Raises:
        InputError: If the molecule, its force field and its solvent do not fit.
    """
    structure, solvent = read_structure(settings), settings["solvent"]
    force_field, cutoff = settings.get("force_field", []), None
    if is_explicit(solvent):
        box = settings["box"]
        cutoff = box["cutoff_nm"]
        if solvent in WATERS:
            water = create_force_field(force_field, solvent)
            structure = solvate(structure, water, solvent, box, random_seed)
        else:
            structure = whole_as_given(structure, cutoff)
        count_solute_atoms(structure.topology)
    return structure, build_system(
        structure, force_field, solvent, settings["constraints"], settings.get("hydrogen_mass_amu"), cutoff
    )


def check_molecule(settings: dict) -> tuple[mdtraj.Topology, np.ndarray]:
    """Check that a ``system`` section makes a system, without putting its molecule into water.

    Args:
        settings: The section.

    Returns:
        The topology of what will be stored, and its start positions [nm] with ``shape=(n_atoms, 3)``.

    Raises:
        InputError: If the molecule, its force field and its solvent do not fit.
    """
    for name in settings["force_field"]:
        find_force_field_file(name)
    if settings["solvent"] not in WATERS:
        structure, _ = prepare(settings)
    else:
        structure, box = read_structure(settings), settings["box"]
        build_system(structure, settings["force_field"], "vacuum", settings["constraints"])
        create_force_field(settings["force_field"], settings["solvent"])
        check_box(box_vectors(structure, box["shape"], box["padding_nm"]), box["cutoff_nm"], PADDING)
    if is_explicit(settings["solvent"]):
        structure = take_first(structure, sum(not is_solvent(atom.residue) for atom in structure.topology.atoms()))
    return describe(structure), structure.coordinates


def describe(structure: Structure) -> mdtraj.Topology:
    """Return the topology of a structure as mdtraj will read it from the file that it is stored in."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "topology.pdb"
        save_topology(path, structure.topology, structure.coordinates)
        return load_topology(path)


def minimise(system: openmm.System, positions: np.ndarray) -> np.ndarray:
    """Minimise the energy on the Reference platform.

    Args:
        system: The system.
        positions: The start [nm] with ``shape=(n_atoms, 3)``.

    Returns:
        The minimised positions [nm] with ``shape=(n_atoms, 3)``.
    """
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, _MINIMISATION_TOLERANCE)
    return context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)


def save_topology(path: Path, topology: app.Topology, positions: np.ndarray) -> None:
    """Write a topology with positions [nm] as PDB."""

    def write(temporary: Path) -> None:
        with open(temporary, "w") as file:
            app.PDBFile.writeFile(topology, positions * unit.nanometer, file, keepIds=True)

    write_atomically(path, write)


def save_system(path: Path, system: openmm.System) -> None:
    """Write a system as OpenMM's XML."""
    write_atomically(path, lambda temporary: temporary.write_text(openmm.XmlSerializer.serialize(system)))


def set_box(system: openmm.System, topology: app.Topology, box: np.ndarray) -> None:
    """Give a system and its topology a periodic box: its vectors [nm] as rows, ``shape=(3, 3)``."""
    system.setDefaultPeriodicBoxVectors(*box)
    topology.setPeriodicBoxVectors(box * unit.nanometer)


def take_first(structure: app.PDBFile, n_atoms: int) -> Structure:
    """Return the first atoms of a structure alone, without a box."""
    modeller = app.Modeller(structure.topology, structure.positions)
    modeller.delete([atom for atom in modeller.topology.atoms() if atom.index >= n_atoms])
    modeller.topology.setPeriodicBoxVectors(None)
    return Structure(modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer), dtype=float))
