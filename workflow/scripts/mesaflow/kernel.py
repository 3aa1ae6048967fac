"""Compiled evaluation of an encoder and of the gradient of a restraint on it (numba).

A simulation calls these functions once a step, so that they work on flat float64 arrays and on one conformation.
Sums run in a fixed order and without fast-math: the same input gives the same bits.
"""

import math

import numpy as np
from numba import njit

LINEAR, TANH, CIRCULAR = 0, 1, 2
"""Codes of the kinds of collective variable."""

IDENTITY_ACTIVATION, TANH_ACTIVATION, SILU_ACTIVATION = 0, 1, 2
"""Codes of the activations of hidden layers."""

_SMALLEST_RADIUS_SQUARED = 1e-12
"""Below this squared length the angle of a circular CV's node pair has no direction, and its gradient is capped."""

_SMALLEST_NORMAL, _SMALLEST_NORMALS = 1e-16, 1e-32
"""Below these [nm⁴, nm⁸] three atoms of a dihedral lie on one line, and its gradient is capped."""

_SMALLEST_DISTANCE = 1e-12
"""Below this [nm] a distance has no direction, and its gradient is capped."""

_JACOBI_SWEEPS = 12
"""Cyclic Jacobi converges quadratically; 4 × 4 matrices need 4 to 6 sweeps."""


@njit(cache=True)
def _largest_eigenvector(matrix):
    """Return the eigenvector of the largest eigenvalue of a symmetric 4 × 4 matrix, which is overwritten.

    Cyclic Jacobi rotations: exact to rounding also where the two largest eigenvalues nearly meet.
    """
    vectors = np.eye(4)
    trace = abs(matrix[0, 0]) + abs(matrix[1, 1]) + abs(matrix[2, 2]) + abs(matrix[3, 3])
    for _ in range(_JACOBI_SWEEPS):
        off = 0.0
        for p in range(3):
            for q in range(p + 1, 4):
                off += abs(matrix[p, q])
        if off <= 1e-17 * trace:
            break
        for p in range(3):
            for q in range(p + 1, 4):
                if matrix[p, q] == 0.0:
                    continue
                theta = (matrix[q, q] - matrix[p, p]) / (2.0 * matrix[p, q])
                t = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1.0))
                if theta < 0.0:
                    t = -t
                c = 1.0 / math.sqrt(t * t + 1.0)
                s = t * c
                for k in range(4):
                    a, b = matrix[k, p], matrix[k, q]
                    matrix[k, p] = c * a - s * b
                    matrix[k, q] = s * a + c * b
                for k in range(4):
                    a, b = matrix[p, k], matrix[q, k]
                    matrix[p, k] = c * a - s * b
                    matrix[q, k] = s * a + c * b
                    a, b = vectors[k, p], vectors[k, q]
                    vectors[k, p] = c * a - s * b
                    vectors[k, q] = s * a + c * b
    best = 0
    for k in range(1, 4):
        if matrix[k, k] > matrix[best, best]:
            best = k
    return vectors[0, best], vectors[1, best], vectors[2, best], vectors[3, best]


@njit(cache=True)
def _superposing_rotation(positions, reference, rotation):
    """Fill ``rotation`` with the matrix R that superposes centred ``positions`` on ``reference`` as y = R x.

    B. K. P. Horn, J. Opt. Soc. Am. A 4, 629 (1987), doi:10.1364/JOSAA.4.000629.
    """
    s = np.zeros((3, 3))
    for a in range(positions.shape[0]):
        for i in range(3):
            for j in range(3):
                s[i, j] += positions[a, i] * reference[a, j]
    n = np.empty((4, 4))
    n[0, 0] = s[0, 0] + s[1, 1] + s[2, 2]
    n[1, 1] = s[0, 0] - s[1, 1] - s[2, 2]
    n[2, 2] = -s[0, 0] + s[1, 1] - s[2, 2]
    n[3, 3] = -s[0, 0] - s[1, 1] + s[2, 2]
    n[0, 1] = n[1, 0] = s[1, 2] - s[2, 1]
    n[0, 2] = n[2, 0] = s[2, 0] - s[0, 2]
    n[0, 3] = n[3, 0] = s[0, 1] - s[1, 0]
    n[1, 2] = n[2, 1] = s[0, 1] + s[1, 0]
    n[1, 3] = n[3, 1] = s[2, 0] + s[0, 2]
    n[2, 3] = n[3, 2] = s[1, 2] + s[2, 1]
    w, x, y, z = _largest_eigenvector(n)
    rotation[0, 0] = w * w + x * x - y * y - z * z
    rotation[0, 1] = 2.0 * (x * y - w * z)
    rotation[0, 2] = 2.0 * (x * z + w * y)
    rotation[1, 0] = 2.0 * (x * y + w * z)
    rotation[1, 1] = w * w - x * x + y * y - z * z
    rotation[1, 2] = 2.0 * (y * z - w * x)
    rotation[2, 0] = 2.0 * (x * z - w * y)
    rotation[2, 1] = 2.0 * (y * z + w * x)
    rotation[2, 2] = w * w - x * x - y * y + z * z


@njit(cache=True)
def _solve_transposed(a, b):
    """Return w with aᵀ w = b for a 3 × 3 matrix, by cofactors."""
    c00 = a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1]
    c01 = a[1, 2] * a[2, 0] - a[1, 0] * a[2, 2]
    c02 = a[1, 0] * a[2, 1] - a[1, 1] * a[2, 0]
    c10 = a[0, 2] * a[2, 1] - a[0, 1] * a[2, 2]
    c11 = a[0, 0] * a[2, 2] - a[0, 2] * a[2, 0]
    c12 = a[0, 1] * a[2, 0] - a[0, 0] * a[2, 1]
    c20 = a[0, 1] * a[1, 2] - a[0, 2] * a[1, 1]
    c21 = a[0, 2] * a[1, 0] - a[0, 0] * a[1, 2]
    c22 = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    determinant = a[0, 0] * c00 + a[0, 1] * c01 + a[0, 2] * c02
    return (
        (c00 * b[0] + c01 * b[1] + c02 * b[2]) / determinant,
        (c10 * b[0] + c11 * b[1] + c12 * b[2]) / determinant,
        (c20 * b[0] + c21 * b[1] + c22 * b[2]) / determinant,
    )


@njit(cache=True)
def _place(positions, reference, superposes, rotation, placed):
    """Fill ``placed`` with the centred and, if asked for, superposed positions, and ``rotation`` with R."""
    n_atoms = positions.shape[0]
    cx = cy = cz = 0.0
    for a in range(n_atoms):
        cx += positions[a, 0]
        cy += positions[a, 1]
        cz += positions[a, 2]
    cx, cy, cz = cx / n_atoms, cy / n_atoms, cz / n_atoms
    for a in range(n_atoms):
        placed[a, 0] = positions[a, 0] - cx
        placed[a, 1] = positions[a, 1] - cy
        placed[a, 2] = positions[a, 2] - cz
    if superposes:
        _superposing_rotation(placed, reference, rotation)
        for a in range(n_atoms):
            x, y, z = placed[a, 0], placed[a, 1], placed[a, 2]
            for i in range(3):
                placed[a, i] = rotation[i, 0] * x + rotation[i, 1] * y + rotation[i, 2] * z


@njit(cache=True)
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True)
def _between(positions, i, j):
    """Return the vector from atom j to atom i."""
    return positions[i, 0] - positions[j, 0], positions[i, 1] - positions[j, 1], positions[i, 2] - positions[j, 2]


@njit(cache=True)
def _add(pull, atom, factor, vector):
    for i in range(3):
        pull[atom, i] += factor * vector[i]


@njit(cache=True)
def _dihedral_vectors(placed, atoms):
    """Return the bond vectors F, G, H of a dihedral and the normals A = F × G and B = H × G.

    A. Blondel & M. Karplus, J. Comput. Chem. 17, 1132 (1996).
    """
    f = _between(placed, atoms[0], atoms[1])
    g = _between(placed, atoms[1], atoms[2])
    h = _between(placed, atoms[3], atoms[2])
    return f, g, h, _cross(f, g), _cross(h, g)


@njit(cache=True)
def _featurise(placed, scale, uses_positions, dihedrals, pairs, distance_scale, values):
    """Fill the input nodes with positions, cosine and sine of dihedrals, and distances."""
    node = 0
    if uses_positions:
        for a in range(placed.shape[0]):
            for i in range(3):
                values[node] = placed[a, i] / scale
                node += 1
    for d in range(dihedrals.shape[0]):
        _, g, _, a, b = _dihedral_vectors(placed, dihedrals[d])
        cosine = _dot(a, b)
        sine = _dot(_cross(b, a), g) / math.sqrt(_dot(g, g))
        length = math.sqrt(max(cosine * cosine + sine * sine, _SMALLEST_NORMALS))
        values[node] = cosine / length
        values[node + 1] = sine / length
        node += 2
    for p in range(pairs.shape[0]):
        r = _between(placed, pairs[p, 0], pairs[p, 1])
        values[node] = math.sqrt(_dot(r, r)) / distance_scale
        node += 1


@njit(cache=True)
def _pull_back(placed, scale, uses_positions, dihedrals, pairs, distance_scale, values, gradient, pull):
    """Fill ``pull`` with the gradient on the placed atoms, from that on the input nodes."""
    node = 0
    for a in range(placed.shape[0]):
        for i in range(3):
            if uses_positions:
                pull[a, i] = gradient[node] / scale
                node += 1
            else:
                pull[a, i] = 0.0
    for d in range(dihedrals.shape[0]):
        atoms = dihedrals[d]
        f, g, h, a, b = _dihedral_vectors(placed, atoms)
        # The nodes are cos φ and sin φ: dU/dφ = −sin φ dU/dcos + cos φ dU/dsin.
        slope = values[node] * gradient[node + 1] - values[node + 1] * gradient[node]
        a_squared = max(_dot(a, a), _SMALLEST_NORMAL)
        b_squared = max(_dot(b, b), _SMALLEST_NORMAL)
        g_length = math.sqrt(_dot(g, g))
        first, last = -g_length / a_squared, g_length / b_squared
        along_f, along_h = _dot(f, g) / (a_squared * g_length), _dot(h, g) / (b_squared * g_length)
        _add(pull, atoms[0], slope * first, a)
        _add(pull, atoms[1], slope * (along_f - first), a)
        _add(pull, atoms[1], -slope * along_h, b)
        _add(pull, atoms[2], -slope * along_f, a)
        _add(pull, atoms[2], slope * (along_h - last), b)
        _add(pull, atoms[3], slope * last, b)
        node += 2
    for p in range(pairs.shape[0]):
        r = _between(placed, pairs[p, 0], pairs[p, 1])
        slope = gradient[node] / (distance_scale * max(math.sqrt(_dot(r, r)), _SMALLEST_DISTANCE))
        _add(pull, pairs[p, 0], slope, r)
        _add(pull, pairs[p, 1], -slope, r)
        node += 1


@njit(cache=True)
def _propagate(sizes, forward_weights, biases, activation, values, slopes):
    """Propagate the input nodes through the layers; node values and activation slopes fill flat arrays."""
    node, weight, bias = 0, 0, 0
    for layer in range(len(sizes) - 1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        out = node + n_in
        for o in range(n_out):
            values[out + o] = biases[bias + o]
        for i in range(n_in):
            value = values[node + i]
            for o in range(n_out):
                values[out + o] += forward_weights[weight + i * n_out + o] * value
        is_hidden = layer < len(sizes) - 2
        for o in range(n_out):
            z = values[out + o]
            if is_hidden and activation == TANH_ACTIVATION:
                values[out + o] = math.tanh(z)
                slopes[out + o] = 1.0 - values[out + o] ** 2
            elif is_hidden and activation == SILU_ACTIVATION:
                sigmoid = 1.0 / (1.0 + math.exp(-z))
                values[out + o] = z * sigmoid
                slopes[out + o] = sigmoid * (1.0 + z * (1.0 - sigmoid))
            else:
                slopes[out + o] = 1.0
        node, weight, bias = out, weight + n_in * n_out, bias + n_out
    return node


@njit(cache=True)
def _read_cvs(values, node, cv_kinds, cvs):
    """Turn the nodes of the last layer into collective variables."""
    for k in range(len(cv_kinds)):
        if cv_kinds[k] == CIRCULAR:
            cvs[k] = math.atan2(values[node + 1], values[node])
            node += 2
        elif cv_kinds[k] == TANH:
            cvs[k] = math.tanh(values[node])
            node += 1
        else:
            cvs[k] = values[node]
            node += 1


@njit(cache=True)
def evaluate_frames(
    frames,
    reference,
    superposes,
    scale,
    uses_positions,
    dihedrals,
    pairs,
    distance_scale,
    sizes,
    forward_weights,
    biases,
    activation,
    cv_kinds,
):
    """Evaluate the collective variables of frames [nm] with ``shape=(n_frames, n_atoms, 3)``.

    Returns:
        The collective variables with ``shape=(n_frames, n_cvs)``.
    """
    cvs = np.empty((frames.shape[0], len(cv_kinds)))
    placed, rotation = np.empty((frames.shape[1], 3)), np.eye(3)
    values, slopes = np.empty(sizes.sum()), np.empty(sizes.sum())
    for f in range(frames.shape[0]):
        _place(frames[f], reference, superposes, rotation, placed)
        _featurise(placed, scale, uses_positions, dihedrals, pairs, distance_scale, values)
        node = _propagate(sizes, forward_weights, biases, activation, values, slopes)
        _read_cvs(values, node, cv_kinds, cvs[f])
    return cvs


@njit(cache=True)
def restrain(
    positions,
    reference,
    superposes,
    scale,
    uses_positions,
    dihedrals,
    pairs,
    distance_scale,
    sizes,
    forward_weights,
    backward_weights,
    biases,
    activation,
    cv_kinds,
    center,
    force_constant,
    cvs,
    forces,
):
    """Evaluate U = ½ κ Σ (ξ − ξ⁰)² and its forces, filling ``cvs`` and ``forces`` [kJ/mol/nm].

    The gradient runs through the superposition: with y = R x superposed on r, g = ∂U/∂y, T = Σ yᵢ × gᵢ and
    A = Σ [(rᵢ · yᵢ) 1 − yᵢ rᵢᵀ], one has ∂U/∂xᵢ = Rᵀ (gᵢ − w × rᵢ) with Aᵀ w = T, because R keeps Σ yᵢ × rᵢ = 0.

    Returns:
        The energy [kJ/mol].
    """
    n_atoms = positions.shape[0]
    placed, rotation = np.empty((n_atoms, 3)), np.eye(3)
    n_nodes = sizes.sum()
    values, slopes, gradient = np.empty(n_nodes), np.empty(n_nodes), np.zeros(n_nodes)
    _place(positions, reference, superposes, rotation, placed)
    _featurise(placed, scale, uses_positions, dihedrals, pairs, distance_scale, values)
    node = _propagate(sizes, forward_weights, biases, activation, values, slopes)
    _read_cvs(values, node, cv_kinds, cvs)

    energy = 0.0
    output = node
    for k in range(len(cv_kinds)):
        deviation = cvs[k] - center[k]
        if cv_kinds[k] == CIRCULAR:
            deviation -= 2.0 * math.pi * round(deviation / (2.0 * math.pi))
        energy += 0.5 * force_constant * deviation * deviation
        upstream = force_constant * deviation
        if cv_kinds[k] == CIRCULAR:
            x, y = values[output], values[output + 1]
            radius_squared = max(x * x + y * y, _SMALLEST_RADIUS_SQUARED)
            gradient[output] = -upstream * y / radius_squared
            gradient[output + 1] = upstream * x / radius_squared
            output += 2
        elif cv_kinds[k] == TANH:
            gradient[output] = upstream * (1.0 - cvs[k] * cvs[k])
            output += 1
        else:
            gradient[output] = upstream
            output += 1

    weight = len(backward_weights)
    for layer in range(len(sizes) - 2, -1, -1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        weight -= n_in * n_out
        start = node - n_in
        for o in range(n_out):
            upstream = gradient[node + o]
            for i in range(n_in):
                gradient[start + i] += backward_weights[weight + o * n_in + i] * upstream
        if layer > 0:
            for i in range(n_in):
                gradient[start + i] *= slopes[start + i]
        node = start

    pull = np.empty((n_atoms, 3))
    _pull_back(placed, scale, uses_positions, dihedrals, pairs, distance_scale, values, gradient, pull)
    gx = gy = gz = 0.0
    for a in range(n_atoms):
        gx += pull[a, 0]
        gy += pull[a, 1]
        gz += pull[a, 2]
    gx, gy, gz = gx / n_atoms, gy / n_atoms, gz / n_atoms

    wx = wy = wz = 0.0
    if superposes:
        torque, matrix = np.zeros(3), np.zeros((3, 3))
        for a in range(n_atoms):
            y0, y1, y2 = placed[a, 0], placed[a, 1], placed[a, 2]
            g0, g1, g2 = pull[a, 0] - gx, pull[a, 1] - gy, pull[a, 2] - gz
            torque[0] += y1 * g2 - y2 * g1
            torque[1] += y2 * g0 - y0 * g2
            torque[2] += y0 * g1 - y1 * g0
            overlap = y0 * reference[a, 0] + y1 * reference[a, 1] + y2 * reference[a, 2]
            for i in range(3):
                matrix[i, i] += overlap
                for j in range(3):
                    matrix[i, j] -= placed[a, i] * reference[a, j]
        wx, wy, wz = _solve_transposed(matrix, torque)
    for a in range(n_atoms):
        r0, r1, r2 = reference[a, 0], reference[a, 1], reference[a, 2]
        h0 = pull[a, 0] - gx - (wy * r2 - wz * r1)
        h1 = pull[a, 1] - gy - (wz * r0 - wx * r2)
        h2 = pull[a, 2] - gz - (wx * r1 - wy * r0)
        for i in range(3):
            forces[a, i] = -(rotation[0, i] * h0 + rotation[1, i] * h1 + rotation[2, i] * h2)
    return energy
