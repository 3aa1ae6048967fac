"""Implicit solvent for systems that no force-field file makes it for, and solutes taken out of their solvent."""

import openmm
from openmm import app
from openmm.app.internal.customgbforces import GBSAGBn2Force, GBSAOBC2Force

from .errors import InputError

_MODELS = {"obc2": GBSAOBC2Force, "gbn2": GBSAGBn2Force}
_WATER_DIELECTRIC = 78.5  # of OpenMM's formula; its own force has another by default
_OBC2_OFFSET = 0.009  # nm, by which Born radii are smaller in the model than its intrinsic radii
_BONDED = {  # how to read a term of each force, add it to another, and how many of what is read are particles
    openmm.HarmonicBondForce: ("getNumBonds", "getBondParameters", "addBond", 2),
    openmm.HarmonicAngleForce: ("getNumAngles", "getAngleParameters", "addAngle", 3),
    openmm.PeriodicTorsionForce: ("getNumTorsions", "getTorsionParameters", "addTorsion", 4),
    openmm.RBTorsionForce: ("getNumTorsions", "getTorsionParameters", "addTorsion", 4),
    openmm.CustomTorsionForce: ("getNumTorsions", "getTorsionParameters", "addTorsion", 4),
    openmm.CustomBondForce: ("getNumBonds", "getBondParameters", "addBond", 2),
    openmm.CustomAngleForce: ("getNumAngles", "getAngleParameters", "addAngle", 3),
}


def add_implicit_solvent(system: openmm.System, topology: app.Topology, model: str) -> None:
    """Add a generalised Born model with the standard radii of the elements, as OpenMM's force-field files do.

    A. Onufriev, D. Bashford, D. A. Case, Proteins 55, 383 (2004), doi:10.1002/prot.20033 (OBC2); H. Nguyen, D. R. Roe,
    C. Simmerling, J. Chem. Theory Comput. 9, 2020 (2013), doi:10.1021/ct3010485 (GBn2).

    Args:
        system: The system, without cut-off.
        topology: Its atoms.
        model: A key of ``SOLVENTS`` other than vacuum.
    """
    nonbonded = _find(system, openmm.NonbondedForce)
    nonbonded.setReactionFieldDielectric(1)
    force = _MODELS[model](SA="ACE")
    for i, radii in enumerate(_MODELS[model].getStandardParameters(topology)):
        charge = nonbonded.getParticleParameters(i)[0]
        force.addParticle([charge, *radii])
    force.finalize()
    force.setNonbondedMethod(openmm.CustomNonbondedForce.NoCutoff)
    system.addForce(force)
    if model == "obc2":
        use_native_obc2(system)


def use_native_obc2(system: openmm.System) -> None:
    """Replace OBC2 written out as a formula by OpenMM's own force, which takes a fifth of the time on the CPU platform.

    Both are the model of Onufriev et al. with the ACE approximation of surface energies.

    Args:
        system: A system with OBC2 as OpenMM's force-field files make it; one that has OpenMM's own force stays as it is.
    """
    forces = list(system.getForces())
    written_out = [i for i, force in enumerate(forces) if isinstance(force, openmm.CustomGBForce)]
    if not written_out:
        return
    native = openmm.GBSAOBCForce()
    native.setSolventDielectric(_WATER_DIELECTRIC)
    formula = forces[written_out[0]]
    for i in range(formula.getNumParticles()):
        charge, radius, scaled_radius = formula.getParticleParameters(i)
        native.addParticle(charge, radius + _OBC2_OFFSET, scaled_radius / radius)
    system.removeForce(written_out[0])
    system.addForce(native)


def relaxation_system(system: openmm.System, topology: app.Topology) -> openmm.System:
    """Return the system in which frames of a solute are relaxed.

    Energies of single frames in explicit solvent compare nothing, as those of the water outweigh them; the solute is
    relaxed in implicit solvent instead (OBC2), which only has to tell strained places from others.

    Args:
        system: The system.
        topology: The solute, which comes first in it.

    Raises:
        InputError: If a force of the system is of a kind that cannot be divided.
    """
    n_solute = topology.getNumAtoms()
    if system.getNumParticles() == n_solute:
        return system
    alone = take_out_solute(system, n_solute)
    add_implicit_solvent(alone, topology, "obc2")
    return alone


def take_out_solute(system: openmm.System, n_solute: int) -> openmm.System:
    """Return the first particles of a system alone, with the forces among them, without box or cut-off.

    Args:
        system: The system.
        n_solute: How many particles to keep.

    Raises:
        InputError: If a force of the system is of a kind that cannot be divided.
    """
    alone = openmm.System()
    for i in range(n_solute):
        alone.addParticle(system.getParticleMass(i))
        if system.isVirtualSite(i):
            raise InputError(
                "the solute has virtual sites, which cannot be taken out of their solvent; leave them out."
            )
    for i in range(system.getNumConstraints()):
        first, second, distance = system.getConstraintParameters(i)
        if first < n_solute and second < n_solute:
            alone.addConstraint(first, second, distance)
    for force in system.getForces():
        part = _divide(force, n_solute)
        if part is not None:
            part.setName(force.getName())
            alone.addForce(part)
    return alone


def _divide(force: openmm.Force, n_solute: int) -> openmm.Force | None:
    """Return the terms of a force whose particles are all kept; None for forces that act on the whole system."""
    if isinstance(force, (openmm.CMMotionRemover, openmm.MonteCarloBarostat)):
        return None
    if isinstance(force, openmm.NonbondedForce):
        return _divide_nonbonded(force, n_solute)
    if isinstance(force, openmm.CMAPTorsionForce):
        return _divide_cmap(force, n_solute)
    if isinstance(force, openmm.CustomNonbondedForce):
        return _divide_custom_nonbonded(force, n_solute)
    if type(force) not in _BONDED:
        raise InputError(
            f"the system has a force of kind {type(force).__name__}, which cannot be divided into solute and solvent; "
            "use a force field without it."
        )
    count, get, add, n_particles = _BONDED[type(force)]
    part = _emptied(force)
    for i in range(getattr(force, count)()):
        parameters = getattr(force, get)(i)
        if all(particle < n_solute for particle in parameters[:n_particles]):
            getattr(part, add)(*parameters)
    return part


def _emptied(force: openmm.Force) -> openmm.Force:
    """Return a force of the same form without terms."""
    if not isinstance(force, (openmm.CustomTorsionForce, openmm.CustomBondForce, openmm.CustomAngleForce)):
        return type(force)()
    part = type(force)(force.getEnergyFunction())
    kind = {"CustomTorsionForce": "Torsion", "CustomBondForce": "Bond", "CustomAngleForce": "Angle"}[
        type(force).__name__
    ]
    for i in range(getattr(force, f"getNumPer{kind}Parameters")()):
        getattr(part, f"addPer{kind}Parameter")(getattr(force, f"getPer{kind}ParameterName")(i))
    for i in range(force.getNumGlobalParameters()):
        part.addGlobalParameter(force.getGlobalParameterName(i), force.getGlobalParameterDefaultValue(i))
    return part


def _divide_nonbonded(force: openmm.NonbondedForce, n_solute: int) -> openmm.NonbondedForce:
    part = openmm.NonbondedForce()
    for i in range(n_solute):
        part.addParticle(*force.getParticleParameters(i))
    for i in range(force.getNumExceptions()):
        first, second, *parameters = force.getExceptionParameters(i)
        if first < n_solute and second < n_solute:
            part.addException(first, second, *parameters)
    return part


def _divide_cmap(force: openmm.CMAPTorsionForce, n_solute: int) -> openmm.CMAPTorsionForce:
    part = openmm.CMAPTorsionForce()
    for i in range(force.getNumMaps()):
        part.addMap(*force.getMapParameters(i))
    for i in range(force.getNumTorsions()):
        number, *particles = force.getTorsionParameters(i)
        if all(particle < n_solute for particle in particles):
            part.addTorsion(number, *particles)
    return part


def _divide_custom_nonbonded(force: openmm.CustomNonbondedForce, n_solute: int) -> openmm.CustomNonbondedForce:
    """Divide the Lennard-Jones terms of force fields whose pairs do not follow a combination rule."""
    if force.getNumInteractionGroups():
        raise InputError(
            "the system has a CustomNonbondedForce with interaction groups, which cannot be divided into solute and "
            "solvent; use a force field without it."
        )
    part = openmm.CustomNonbondedForce(force.getEnergyFunction())
    for i in range(force.getNumPerParticleParameters()):
        part.addPerParticleParameter(force.getPerParticleParameterName(i))
    for i in range(force.getNumGlobalParameters()):
        part.addGlobalParameter(force.getGlobalParameterName(i), force.getGlobalParameterDefaultValue(i))
    for i in range(force.getNumTabulatedFunctions()):
        part.addTabulatedFunction(
            force.getTabulatedFunctionName(i), openmm.XmlSerializer.clone(force.getTabulatedFunction(i))
        )
    for i in range(n_solute):
        part.addParticle(force.getParticleParameters(i))
    for i in range(force.getNumExclusions()):
        first, second = force.getExclusionParticles(i)
        if first < n_solute and second < n_solute:
            part.addExclusion(first, second)
    return part


def _find(system: openmm.System, kind: type) -> openmm.Force:
    found = [force for force in system.getForces() if isinstance(force, kind)]
    if len(found) != 1:
        raise InputError(f"the system has {len(found)} forces of kind {kind.__name__}; implicit solvent needs one.")
    return found[0]
