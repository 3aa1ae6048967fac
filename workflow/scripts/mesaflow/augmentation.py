"""Random rigid-body poses and coordinate noise, made on the fly for each batch (torch)."""

import torch


def random_rotations(n_rotations: int, generator: torch.Generator, **options) -> torch.Tensor:
    """Draw rotation matrices uniformly from SO(3), as normalised Gaussian quaternions.

    K. Shoemake, Uniform random rotations, in Graphics Gems III (1992), 124.

    Args:
        n_rotations: How many to draw.
        generator: The source of random numbers.
        options: ``dtype`` and ``device`` of the result.

    Returns:
        The matrices with ``shape=(n_rotations, 3, 3)``.
    """
    quaternions = torch.randn(n_rotations, 4, generator=generator, **options)
    w, x, y, z = torch.nn.functional.normalize(quaternions, dim=1).unbind(1)
    elements = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    )
    return torch.stack(elements, dim=1).reshape(n_rotations, 3, 3)


def augment(frames: torch.Tensor, rotate: bool, noise: float, generator: torch.Generator) -> torch.Tensor:
    """Put every frame into a random pose and shake its atoms.

    Args:
        frames: Centred frames [nm] with ``shape=(n_frames, n_atoms, 3)``.
        rotate: Whether to rotate each frame at random.
        noise: The standard deviation [nm] of Gaussian noise on every coordinate.
        generator: The source of random numbers.

    Returns:
        The augmented frames [nm], with the shape of ``frames``.
    """
    options = {"dtype": frames.dtype, "device": frames.device}
    if rotate:
        frames = frames @ random_rotations(len(frames), generator, **options)
    if noise > 0:
        frames = torch.randn(frames.shape, generator=generator, **options).mul_(noise).add_(frames)
    return frames
