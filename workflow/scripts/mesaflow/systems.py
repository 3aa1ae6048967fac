"""From a structure and a force field to a simulation system: topology, system.xml, minimised positions."""

from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from .errors import InputError
from .files import write_atomically

SOLVENTS = {"vacuum": None, "obc2": "implicit/obc2.xml", "gbn2": "implicit/gbn2.xml"}
"""Solvent models and the force-field file that OpenMM ships for each."""

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


def load_structure(path: Path) -> app.PDBFile:
    """Read a PDB file.

    Raises:
        InputError: If it is missing or OpenMM cannot read it.
    """
    if not Path(path).is_file():
        raise InputError(f"system.structure is {str(path)!r}, and there is no such file; give the path of a PDB file.")
    try:
        return app.PDBFile(str(path))
    except Exception as error:  # OpenMM raises whatever its parser stumbles over
        raise InputError(f"system.structure {str(path)!r} cannot be read as PDB: {error}") from error


def build_system(structure: app.PDBFile, force_field: list[str], solvent: str, constraints: str) -> openmm.System:
    """Build a system without cut-off.

    Args:
        structure: The structure, with all hydrogens.
        force_field: Names of force-field files, the user's or OpenMM's.
        solvent: A key of ``SOLVENTS``.
        constraints: A key of ``CONSTRAINTS``.

    Raises:
        InputError: If a file is unknown, or a residue fits no template of the force field.
    """
    names = [*force_field, *([SOLVENTS[solvent]] if SOLVENTS[solvent] else [])]
    files = [str(find_force_field_file(name)) for name in names]
    try:
        return app.ForceField(*files).createSystem(
            structure.topology, nonbondedMethod=app.NoCutoff, constraints=CONSTRAINTS[constraints]
        )
    except Exception as error:  # a missing template is a ValueError, a broken file almost anything
        message = str(error).splitlines()[0]
        raise InputError(
            f"system.force_field {force_field} does not fit system.structure: {message} "
            "Check its hydrogens, its termini and the force field's residue names."
        ) from error


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


def load_system(path: Path) -> openmm.System:
    """Read a system from OpenMM's XML.

    Raises:
        InputError: If it holds a PythonForce, whose pickled function could run anything.
    """
    text = Path(path).read_text()
    if "PythonForce" in text:
        raise InputError(f"{path} holds a PythonForce, which could run any code; remove the file and prepare it again.")
    return openmm.XmlSerializer.deserialize(text)


def load_positions(path: Path) -> np.ndarray:
    """Read the positions [nm] of a PDB file with ``shape=(n_atoms, 3)``."""
    return load_structure(path).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
