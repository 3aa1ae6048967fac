"""Peptides from their sequences, stretched out, with or without caps.

M. Z. Tien et al., PeerJ 1, e80 (2013), doi:10.7717/peerj.80 (PeptideBuilder).
"""

import numpy as np
from openmm import app

from .errors import InputError

ONE_LETTER = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        [
            "ALA",
            "ARG",
            "ASN",
            "ASP",
            "CYS",
            "GLN",
            "GLU",
            "GLY",
            "HIS",
            "ILE",
            "LEU",
            "LYS",
            "MET",
            "PHE",
            "PRO",
            "SER",
            "THR",
            "TRP",
            "TYR",
            "VAL",
        ],
        strict=True,
    )
)
"""The amino acids by their letters; the order of their names is that of the alphabet."""
_LETTERS = {name: letter for letter, name in ONE_LETTER.items()}

PHI, PSI = -120.0, 140.0
"""Backbone dihedrals [deg] of the stretched-out chain: a β-strand."""

# A cap is glycine but for some atoms, in these names.
_ACE = {"CA": "CH3", "C": "C", "O": "O"}
_NME = {"N": "N", "CA": "C"}
_ANGSTROMS_PER_NANOMETER = 10.0


def parse_sequence(text: str) -> list[str]:
    """Read a sequence as the three-letter names of its residues.

    Args:
        text: Letters in one word, or three-letter names with spaces between them; ``ACE`` may come first and ``NME`` last.

    Raises:
        InputError: If a residue is unknown, or a cap stands elsewhere.
    """
    words = text.upper().split()
    is_one_letter = len(words) == 1 and words[0] not in _LETTERS
    names = [ONE_LETTER.get(letter, letter) for letter in words[0]] if is_one_letter else words
    inner = names[names[:1] == ["ACE"] : len(names) - (names[-1:] == ["NME"])]
    for name in inner:
        if name not in _LETTERS:
            place = "ACE only comes first and NME last" if name in ("ACE", "NME") else "which is no amino acid"
            raise InputError(
                f"system.sequence {text!r} names {name!r}: {place}; give letters in one word (NLYIQ), or names with spaces "
                "(ACE ALA NME) of the twenty amino acids, ACE and NME."
            )
    if not inner:
        raise InputError(f"system.sequence {text!r} names no amino acid; give at least one.")
    return names


def build_peptide(sequence: str) -> tuple[app.Topology, np.ndarray]:
    """Build the heavy atoms of a stretched-out peptide.

    Args:
        sequence: The sequence, as ``parse_sequence`` takes it.

    Returns:
        The topology, with its bonds, and the positions [nm] with ``shape=(n_atoms, 3)``.
    """
    names = parse_sequence(sequence)
    structure = _build_chain("".join(_LETTERS.get(name, "G") for name in names))
    topology, positions = app.Topology(), []
    chain = topology.addChain("A")
    for number, (name, built) in enumerate(zip(names, structure.get_residues(), strict=True), start=1):
        residue = topology.addResidue(name, chain, str(number))
        kept = {"ACE": _ACE, "NME": _NME}.get(name)
        for atom in built:
            if kept is None or atom.get_name() in kept:
                element = app.Element.getBySymbol(atom.element)
                topology.addAtom(kept[atom.get_name()] if kept else atom.get_name(), element, residue)
                positions.append(atom.coord)
    topology.createStandardBonds()
    return topology, np.array(positions, dtype=float) / _ANGSTROMS_PER_NANOMETER


def _build_chain(letters: str):
    """Build residues with the angles PHI and PSI, and trans peptide bonds; the last has both its carboxyl oxygens."""
    import PeptideBuilder  # with Biopython, which only sequences need

    structure = PeptideBuilder.initialize_res(letters[0])
    for letter in letters[1:]:
        PeptideBuilder.add_residue(structure, letter, phi=PHI, psi_im1=PSI)
    PeptideBuilder.add_terminal_OXT(structure)
    return structure
