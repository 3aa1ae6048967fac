"""Enhanced sampling with autoencoders and data augmentation.

The package holds the science of the workflow; none of its modules knows Snakemake. Inside it lengths are in nm,
times in ps, temperatures in K, energies in kJ/mol, angles in rad and masses in amu.
"""

__version__ = "0.1.0"
