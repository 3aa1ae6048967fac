"""Getting the molecule: from a structure file, from a sequence, from the Protein Data Bank, or from another program's files."""

import io
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from .errors import InputError, first_line
from .randomness import derive_seed
from .retrieval import fetch_entry
from .sequences import build_peptide
from .sources import brings_forces, coordinate_formats

_DECIDE_CHIRALITY = frozenset(("N", "CA", "C", "CB"))  # PDBFixer may add one of these on the wrong side
_LONGEST_PEPTIDE_BOND = 0.2  # nm, half as long again as one; beyond it residues between the two are missing


@dataclass(frozen=True)
class Structure:
    """A molecule, with whatever is around it.

    Attributes:
        topology: Its atoms, residues and bonds, and its periodic box if it has one.
        coordinates: Where its atoms are [nm], with ``shape=(n_atoms, 3)``.
        create_system: Makes its system from ``createSystem``'s keywords, where its forces came with it.
        has_radii: Whether these forces include the radii of implicit solvent.
    """

    topology: app.Topology
    coordinates: np.ndarray
    create_system: Callable[..., openmm.System] | None = None
    has_radii: bool = False

    @property
    def positions(self) -> unit.Quantity:
        """The coordinates as OpenMM takes them."""
        return self.coordinates * unit.nanometer


def read_structure(system: dict) -> Structure:
    """Get the molecule that a ``system`` section describes.

    Args:
        system: The section; keys without effect may be left out.

    Raises:
        InputError: If a file is missing or unreadable, a residue unknown, or the entry cannot be fetched.
    """
    if system.get("sequence"):
        topology, coordinates = build_peptide(system["sequence"])
        return _with_hydrogens(topology, coordinates, system.get("pH", 7.0))
    if system.get("pdb_id"):
        return _read_coordinate_file(str(fetch_entry(system["pdb_id"])), system, polymers_only=True)
    if brings_forces(system):
        return _read_with_forces(system)
    return _read_coordinate_file(system["structure"], system)


def load_structure(path: Path, key: str = "system.structure") -> app.PDBFile | app.PDBxFile:
    """Read a PDB or mmCIF file.

    Args:
        path: The file.
        key: The configuration key, for the error.

    Raises:
        InputError: If it is missing or OpenMM cannot read it.
    """
    _require(path, key, "of a PDB file")
    is_mmcif = Path(path).suffix.lower() in (".cif", ".mmcif", ".pdbx")
    try:
        return app.PDBxFile(str(path)) if is_mmcif else app.PDBFile(str(path))
    except Exception as error:  # OpenMM raises whatever its parser stumbles over
        kind = "mmCIF" if is_mmcif else "PDB"
        raise InputError(f"{key} {str(path)!r} cannot be read as {kind}: {first_line(error)}") from error


def load_positions(path: Path) -> np.ndarray:
    """Read the positions [nm] of a PDB file with ``shape=(n_atoms, 3)``."""
    return positions_of(load_structure(path))


def positions_of(file: app.PDBFile | app.PDBxFile) -> np.ndarray:
    """Return the positions [nm] in a file that was read, with ``shape=(n_atoms, 3)``."""
    return file.getPositions(asNumpy=True).value_in_unit(unit.nanometer)


def _read_coordinate_file(path: str, system: dict, polymers_only: bool = False) -> Structure:
    """Read a PDB or mmCIF file, and add what is missing if it is wanted."""
    file = load_structure(path)
    structure = Structure(file.topology, positions_of(file))
    if polymers_only:
        structure = _without_heterogens(structure)
    _refuse_gaps(structure, path)
    if system.get("add_hydrogens"):
        return _complete(structure, system.get("pH", 7.0))
    return structure


def _read_with_forces(system: dict) -> Structure:
    """Read an Amber, CHARMM or GROMACS system by OpenMM's own readers."""
    path, coordinates = system["structure"], system["coordinates"]
    _require(path, "system.structure", "of a topology")
    _require(coordinates, "system.coordinates", f"of its coordinates ({coordinate_formats(path)})")
    for name in system.get("parameters", []):
        if not Path(name).exists():
            raise InputError(f"system.parameters names {name!r}, and there is no such file; give its path.")
    readers = {".psf": _read_charmm, ".top": _read_gromacs}
    read = readers.get(Path(path).suffix.lower(), _read_amber)
    try:
        topology, positions, create_system = read(path, coordinates, system.get("parameters", []))
        positions = positions.value_in_unit(unit.nanometer)
    except Exception as error:  # the readers raise whatever they stumble over
        raise InputError(
            f"system.structure {path!r} cannot be read with system.coordinates {coordinates!r}: {first_line(error)} "
            "Give files of one system, with every file that they name (system.parameters)."
        ) from error
    positions = np.array(positions, dtype=float)
    if len(positions) != topology.getNumAtoms():
        raise InputError(
            f"system.coordinates {coordinates!r} has {len(positions)} atoms, and system.structure {path!r} has "
            f"{topology.getNumAtoms()}; give files of one system."
        )
    return Structure(topology, positions, create_system, has_radii=read is _read_amber)


def _read_amber(path: str, coordinates: str, parameters: list[str]) -> tuple:
    inpcrd = app.AmberInpcrdFile(coordinates)
    prmtop = app.AmberPrmtopFile(path, periodicBoxVectors=inpcrd.boxVectors)
    return prmtop.topology, inpcrd.getPositions(), prmtop.createSystem


def _read_charmm(path: str, coordinates: str, parameters: list[str]) -> tuple:
    psf = app.CharmmPsfFile(path)
    file = app.CharmmCrdFile(coordinates) if coordinates.lower().endswith(".crd") else app.PDBFile(coordinates)
    box = None if isinstance(file, app.CharmmCrdFile) else file.topology.getPeriodicBoxVectors()
    if box is not None:
        lengths_and_angles = app.internal.unitcell.computeLengthsAndAngles(box)
        psf.setBox(*lengths_and_angles[:3], *(angle * unit.radian for angle in lengths_and_angles[3:]))
    force_field = app.CharmmParameterSet(*parameters)

    def create_system(**keywords) -> openmm.System:
        return psf.createSystem(force_field, **keywords)

    return psf.topology, file.positions, create_system


def _read_gromacs(path: str, coordinates: str, parameters: list[str]) -> tuple:
    gro = app.GromacsGroFile(coordinates)
    box = gro.getPeriodicBoxVectors()
    if not any(any(vector) for vector in box.value_in_unit(unit.nanometer)):
        box = None  # as written of a molecule in vacuum
    top = app.GromacsTopFile(path, periodicBoxVectors=box, includeDir=parameters[0] if parameters else None)
    return top.topology, gro.getPositions(), top.createSystem


def _without_heterogens(structure: Structure) -> Structure:
    """Keep protein and nucleic acid only."""
    from pdbfixer.pdbfixer import dnaResidues, proteinResidues, rnaResidues

    polymers = {*proteinResidues, *dnaResidues, *rnaResidues, "ACE", "NME"}
    modeller = app.Modeller(structure.topology, structure.positions)
    modeller.delete([residue for residue in modeller.topology.residues() if residue.name not in polymers])
    return _from_modeller(modeller)


def _refuse_gaps(structure: Structure, path: str) -> None:
    """Refuse chains in which residues are missing; OpenMM would connect their ends by a bond."""
    for first, second in structure.topology.bonds():
        if first.residue is not second.residue and {first.name, second.name} == {"C", "N"}:
            length = np.linalg.norm(structure.coordinates[first.index] - structure.coordinates[second.index])
            if length > _LONGEST_PEPTIDE_BOND:
                one, other = (f"{atom.residue.name} {atom.residue.id}" for atom in (first, second))
                raise InputError(
                    f"{path} has {one} and {other} next to each other but {length:.1f} nm apart: residues between them are "
                    "missing; model them, or end the chain there."
                )


def _complete(structure: Structure, ph: float) -> Structure:
    """Add missing heavy atoms, those of the termini among them, and hydrogens."""
    from pdbfixer import PDBFixer

    text = io.StringIO()
    app.PDBFile.writeFile(structure.topology, structure.positions, text, keepIds=True)
    fixer = PDBFixer(pdbfile=io.StringIO(text.getvalue()), platform=openmm.Platform.getPlatformByName("Reference"))
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    for residue, atoms in fixer.missingAtoms.items():
        if _DECIDE_CHIRALITY.intersection(atom.name for atom in atoms):
            raise InputError(
                f"system.structure has {residue.name} {residue.id} without {atoms[0].name}, and system.add_hydrogens adds "
                "side chains only from CB on; give a structure with the backbone and CB of every residue."
            )
    if fixer.missingAtoms or fixer.missingTerminals:
        fixer.addMissingAtoms(seed=derive_seed(0, "structure", "atoms"))
        coordinates = np.array(fixer.positions.value_in_unit(unit.nanometer), dtype=float)
        structure = Structure(fixer.topology, coordinates)
    return _with_hydrogens(structure.topology, structure.coordinates, ph)


def _with_hydrogens(topology: app.Topology, coordinates: np.ndarray, ph: float) -> Structure:
    """Add the hydrogens of a pH."""
    modeller = app.Modeller(topology, coordinates * unit.nanometer)
    with seeded("structure", "hydrogens"):
        modeller.addHydrogens(pH=ph, platform=openmm.Platform.getPlatformByName("Reference"))
    return _from_modeller(modeller)


def _from_modeller(modeller: app.Modeller) -> Structure:
    return Structure(modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer), dtype=float))


@contextmanager
def seeded(*labels: str | int, random_seed: int = 0) -> Iterator[None]:
    """Seed Python's own random numbers, which OpenMM's builders draw from, while the block runs.

    A structure is data: without a ``random_seed`` it is the same in every run.
    """
    state = random.getstate()
    random.seed(derive_seed(random_seed, *labels))
    try:
        yield
    finally:
        random.setstate(state)


def _require(path: Path | str, key: str, kind: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{key} is {str(path)!r}, and there is no such file; give the path {kind}.")
