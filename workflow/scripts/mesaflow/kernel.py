"""Compiled evaluation of an encoder and of the gradient of a restraint on it (numba).

A simulation calls these functions once a step, so that they work on one conformation and on a packed network. Sums run
in a fixed order and without fast-math: the same input gives the same bits. All compiled code is in this module, because
numba's cache of a function does not see changes in other modules.
"""

import math

import numpy as np
from numba import njit

from .packing import CIRCULAR, TANH, TANH_ACTIVATION, Network

_SMALLEST_RADIUS_SQUARED = 1e-12
"""Below this squared length the angle of a circular CV's node pair has no direction, and its gradient is capped."""

_SMALLEST_NORMAL, _SMALLEST_NORMALS = 1e-16, 1e-32
"""Below these [nm⁴, nm⁸] three atoms of a dihedral lie on one line, and its gradient is capped."""

_SMALLEST_DISTANCE = 1e-12
"""Below this [nm] a distance has no direction, and its gradient is capped."""

_SMALL_ZETA = 1e-2
"""Below this share of the largest eigenvalue cubed, the closed form of a rotation has fewer than 12 digits: it is mended."""

_SMALLEST_ZETA = 1e-4
"""Below this share it has fewer than 8 digits, too few to be mended in one step."""

_NEWTON_STEPS = 30
"""Descending to the largest root of a quartic, which is not nearly a double one, takes Newton's method 2 to 10 steps."""

_NEWTON_TOLERANCE = 1e-9
"""Relative size of a step after which, as convergence is quadratic, only rounding is left."""

_LARGEST_TANH_ARGUMENT = 20.0
"""Beyond it tanh is 1 in double precision."""

# A division by zero gives infinity or NaN, as in numpy; checks for it would keep loops from being vectorised.
_compiled = njit(cache=True, error_model="numpy")


@_compiled
def unpack(integers, numbers):
    """Return the network that ``pack`` flattened, as views."""
    n_atoms, n_biases = integers[0], integers[1]
    pairs = 9 + 4 * integers[2]
    sizes = pairs + 2 * integers[3]
    cv_kinds = sizes + integers[4]
    forward = 2 + 3 * n_atoms
    biases = len(numbers) - n_biases
    backward = (forward + biases) // 2
    return Network(
        superposes=integers[6] == 1,
        reference=numbers[2:forward].reshape(n_atoms, 3),
        uses_positions=integers[7] == 1,
        scale=numbers[0],
        dihedrals=integers[9:pairs].reshape(integers[2], 4),
        pairs=integers[pairs:sizes].reshape(integers[3], 2),
        distance_scale=numbers[1],
        sizes=integers[sizes:cv_kinds],
        forward_weights=numbers[forward:backward],
        backward_weights=numbers[backward:biases],
        biases=numbers[biases:],
        activation=integers[8],
        cv_kinds=integers[cv_kinds:],
    )


@_compiled
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@_compiled
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@_compiled
def _plus(a, factor, b):
    """Return a + factor b."""
    return a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]


@_compiled
def _scaled(factor, a):
    return factor * a[0], factor * a[1], factor * a[2]


@_compiled
def _row(positions, a):
    return positions[a, 0], positions[a, 1], positions[a, 2]


@_compiled
def _between(positions, i, j):
    """Return the vector from atom j to atom i."""
    return positions[i, 0] - positions[j, 0], positions[i, 1] - positions[j, 1], positions[i, 2] - positions[j, 2]


@_compiled
def _add(positions, atom, factor, vector):
    for i in range(3):
        positions[atom, i] += factor * vector[i]


@_compiled
def _decompose(b):
    """Return the rows of the proper rotation R that maximises tr(R Bᵀ), by a singular value decomposition."""
    matrix = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            matrix[i, j] = b[i][j]
    u, _, vt = np.linalg.svd(matrix)
    if np.linalg.det(u) * np.linalg.det(vt) < 0.0:
        u[:, 2] *= -1.0
    r = u @ vt
    return (r[0, 0], r[0, 1], r[0, 2]), (r[1, 0], r[1, 1], r[1, 2]), (r[2, 0], r[2, 1], r[2, 2])


@_compiled
def _solve_torque(rotation, b, torque):
    """Return w with (tr K 1 − K) w = T and K = R Bᵀ, by cofactors."""
    k00, k11, k22 = _dot(rotation[0], b[0]), _dot(rotation[1], b[1]), _dot(rotation[2], b[2])
    k01, k02, k12 = _dot(rotation[0], b[1]), _dot(rotation[0], b[2]), _dot(rotation[1], b[2])
    first, second, third = (k11 + k22, -k01, -k02), (-k01, k00 + k22, -k12), (-k02, -k12, k00 + k11)
    cofactors = _cross(second, third), _cross(third, first), _cross(first, second)
    determinant = _dot(first, cofactors[0])
    w = 0.0, 0.0, 0.0
    for i in range(3):
        w = _plus(w, torque[i] / determinant, cofactors[i])
    return w


@_compiled
def _rotation_row(b, i, cofactors, p, q, zeta):
    """Return a row of [p B + q cof B − (B Bᵀ) B] / ζ."""
    row = 0.0, 0.0, 0.0
    for j in range(3):
        row = _plus(row, -_dot(b[i], b[j]) / zeta, b[j])
    return _plus(_plus(row, p / zeta, b[i]), q / zeta, cofactors[i])


@_compiled
def _mend_rotation(rotation, b):
    """Return the rotation that maximises tr(R Bᵀ) from one that is nearly it, with half as many right digits.

    Its rows are made orthonormal, then one step of Newton's method turns it by w: at the maximum K = R Bᵀ is symmetric, and
    (tr K 1 − K) w = −a with the axial vector a of K − Kᵀ makes it so to first order.
    """
    first = _scaled(1.0 / math.sqrt(_dot(rotation[0], rotation[0])), rotation[0])
    second = _plus(rotation[1], -_dot(rotation[1], first), first)
    second = _scaled(1.0 / math.sqrt(_dot(second, second)), second)
    rows = first, second, _cross(first, second)
    residual = (
        _dot(rows[1], b[2]) - _dot(rows[2], b[1]),
        _dot(rows[2], b[0]) - _dot(rows[0], b[2]),
        _dot(rows[0], b[1]) - _dot(rows[1], b[0]),
    )
    w = _solve_torque(rows, b, residual)
    return (
        _plus(_plus(rows[0], -w[2], rows[1]), w[1], rows[2]),
        _plus(_plus(rows[1], -w[0], rows[2]), w[2], rows[0]),
        _plus(_plus(rows[2], -w[1], rows[0]), w[0], rows[1]),
    )


@_compiled
def find_rotation(b, bound):
    """Return the rows of the proper rotation R that maximises tr(R Bᵀ), from the rows of B.

    The maximum λ is the largest root of (λ² − |B|²)² − 8 λ det B − 4 |cof B|², and ``bound`` an upper bound of it. With
    κ = (λ² − |B|²) / 2 and ζ = κ λ − det B, the slope of that polynomial is 8 ζ, and ζ R = (κ + |B|²) B + λ cof B − B Bᵀ B.
    In singular values, the last with the sign of det B, λ = s₁ + s₂ + s₃ and ζ = (s₁ + s₂) (s₂ + s₃) (s₃ + s₁): a small ζ
    means an ill-determined rotation, as of a stretched chain, for which the closed form is mended, and a very small one that
    it is replaced by a singular value decomposition.

    F. L. Markley, J. Astronaut. Sci. 41, 261 (1993).
    """
    cofactors = _cross(b[1], b[2]), _cross(b[2], b[0]), _cross(b[0], b[1])
    determinant = _dot(b[0], cofactors[0])
    square = _dot(b[0], b[0]) + _dot(b[1], b[1]) + _dot(b[2], b[2])
    square_of_cofactors = (
        _dot(cofactors[0], cofactors[0]) + _dot(cofactors[1], cofactors[1]) + _dot(cofactors[2], cofactors[2])
    )
    root, step = bound, bound
    for _ in range(_NEWTON_STEPS):
        kappa = 0.5 * (root * root - square)
        zeta = kappa * root - determinant
        if zeta < _SMALLEST_ZETA * root**3:
            break
        if not abs(step) > _NEWTON_TOLERANCE * root:  # also where it is NaN, as R then is
            p = kappa + square
            rotation = (
                _rotation_row(b, 0, cofactors, p, root, zeta),
                _rotation_row(b, 1, cofactors, p, root, zeta),
                _rotation_row(b, 2, cofactors, p, root, zeta),
            )
            return _mend_rotation(rotation, b) if zeta < _SMALL_ZETA * root**3 else rotation
        step = 0.5 * (kappa * kappa - 2.0 * root * determinant - square_of_cofactors) / zeta
        root -= step
    return _decompose(b)


@_compiled
def _place(positions, network, placed):
    """Fill ``placed`` with the centred and, if asked for, superposed positions y = R x.

    Returns:
        The rows of R, and those of B = Σ r xᵀ with the reference's positions r.
    """
    n_atoms = len(positions)
    x, y, z = 0.0, 0.0, 0.0
    for a in range(n_atoms):
        x, y, z = x + positions[a, 0], y + positions[a, 1], z + positions[a, 2]
    x, y, z = x / n_atoms, y / n_atoms, z / n_atoms
    for a in range(n_atoms):
        placed[a, 0], placed[a, 1], placed[a, 2] = positions[a, 0] - x, positions[a, 1] - y, positions[a, 2] - z
    b = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    if not network.superposes:
        return ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), b
    bound = 0.0
    for a in range(n_atoms):
        x, r = _row(placed, a), _row(network.reference, a)
        b = _plus(b[0], r[0], x), _plus(b[1], r[1], x), _plus(b[2], r[2], x)
        bound += 0.5 * (_dot(x, x) + _dot(r, r))
    rotation = find_rotation(b, bound)
    for a in range(n_atoms):
        x = _row(placed, a)
        placed[a, 0], placed[a, 1], placed[a, 2] = _dot(rotation[0], x), _dot(rotation[1], x), _dot(rotation[2], x)
    return rotation, b


@_compiled
def _dihedral_vectors(placed, atoms):
    """Return the bond vectors F, G, H of a dihedral and the normals A = F × G and B = H × G.

    A. Blondel & M. Karplus, J. Comput. Chem. 17, 1132 (1996).
    """
    f = _between(placed, atoms[0], atoms[1])
    g = _between(placed, atoms[1], atoms[2])
    h = _between(placed, atoms[3], atoms[2])
    return f, g, h, _cross(f, g), _cross(h, g)


@_compiled
def _featurise(placed, network, nodes):
    """Fill the input nodes with positions, cosine and sine of dihedrals, and distances."""
    node = 0
    if network.uses_positions:
        for a in range(len(placed)):
            for i in range(3):
                nodes[node] = placed[a, i] / network.scale
                node += 1
    for atoms in network.dihedrals:
        _, g, _, a, b = _dihedral_vectors(placed, atoms)
        cosine = _dot(a, b)
        sine = _dot(_cross(b, a), g) / math.sqrt(_dot(g, g))
        length = math.sqrt(max(cosine * cosine + sine * sine, _SMALLEST_NORMALS))
        nodes[node], nodes[node + 1] = cosine / length, sine / length
        node += 2
    for pair in network.pairs:
        r = _between(placed, pair[0], pair[1])
        nodes[node] = math.sqrt(_dot(r, r)) / network.distance_scale
        node += 1


@_compiled
def _pull_back(placed, network, nodes, gradient, pull):
    """Fill ``pull`` with the gradient on the placed atoms, from that on the input nodes."""
    node = 0
    if network.uses_positions:
        for a in range(len(placed)):
            for i in range(3):
                pull[a, i] = gradient[node] / network.scale
                node += 1
    else:
        pull[:] = 0.0
    for atoms in network.dihedrals:
        f, g, h, a, b = _dihedral_vectors(placed, atoms)
        # The nodes are cos φ and sin φ: dU/dφ = −sin φ dU/dcos + cos φ dU/dsin.
        slope = nodes[node] * gradient[node + 1] - nodes[node + 1] * gradient[node]
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
    for pair in network.pairs:
        r = _between(placed, pair[0], pair[1])
        slope = gradient[node] / (network.distance_scale * max(math.sqrt(_dot(r, r)), _SMALLEST_DISTANCE))
        _add(pull, pair[0], slope, r)
        _add(pull, pair[1], -slope, r)
        node += 1


@_compiled
def _add_product(matrix, vector, result):
    """Add Mᵀ v to ``result``, four rows of the flattened M at a time."""
    n_rows, n = len(vector), len(result)
    for r in range(0, n_rows - 3, 4):
        # Views and scalars, because indices that are sums and loads that may alias keep the loop from being vectorised.
        k = r * n
        m0, m1, m2, m3 = matrix[k:], matrix[k + n :], matrix[k + 2 * n :], matrix[k + 3 * n :]
        v0, v1, v2, v3 = vector[r], vector[r + 1], vector[r + 2], vector[r + 3]
        for c in range(n):
            result[c] += (m0[c] * v0 + m1[c] * v1) + (m2[c] * v2 + m3[c] * v3)
    for r in range(n_rows - n_rows % 4, n_rows):
        row, v = matrix[r * n : (r + 1) * n], vector[r]
        for c in range(n):
            result[c] += row[c] * v


@_compiled
def _activate_tanh(nodes, slopes):
    """Apply tanh, with its slopes, to within 4 roundings: 15 ns a node faster than the C library's.

    The Padé approximant [7/6] of a sixteenth of the argument, as numerator and denominator, is doubled four times by
    tanh 2x = 2 tanh x / (1 + tanh² x).
    """
    for o in range(len(nodes)):
        x = nodes[o]
        x = _LARGEST_TANH_ARGUMENT if x > _LARGEST_TANH_ARGUMENT else x
        x = -_LARGEST_TANH_ARGUMENT if x < -_LARGEST_TANH_ARGUMENT else x
        x /= 16.0
        s = x * x
        n = x * (1.0 + s * (5.0 / 39.0 + s * (2.0 / 715.0 + s / 135135.0)))
        d = 1.0 + s * (6.0 / 13.0 + s * (10.0 / 429.0 + s * 4.0 / 19305.0))
        n, d = 2.0 * n * d, d * d + n * n
        n, d = 2.0 * n * d, d * d + n * n
        n, d = 2.0 * n * d, d * d + n * n
        n, d = 2.0 * n * d, d * d + n * n
        nodes[o] = n / d
        slopes[o] = 1.0 - nodes[o] * nodes[o]


@_compiled
def _activate_silu(nodes, slopes):
    """Apply z / (1 + exp −z), with its slopes."""
    for o in range(len(nodes)):
        z = nodes[o]
        sigmoid = 1.0 / (1.0 + math.exp(-z))
        nodes[o] = z * sigmoid
        slopes[o] = sigmoid * (1.0 + z * (1.0 - sigmoid))


@_compiled
def _propagate(network, nodes, slopes):
    """Propagate the input nodes through the layers, and keep the slopes of the activations.

    Returns:
        The number of nodes before the last layer.
    """
    first, weight, bias = 0, 0, 0
    n_layers = len(network.sizes) - 1
    for layer in range(n_layers):
        n_in, n_out = network.sizes[layer], network.sizes[layer + 1]
        start = first + n_in
        inputs, outputs = nodes[first:start], nodes[start : start + n_out]
        outputs[:] = network.biases[bias : bias + n_out]
        _add_product(network.forward_weights[weight:], inputs, outputs)
        if layer < n_layers - 1:
            if network.activation == TANH_ACTIVATION:
                _activate_tanh(outputs, slopes[start : start + n_out])
            else:
                _activate_silu(outputs, slopes[start : start + n_out])
        first, weight, bias = start, weight + n_in * n_out, bias + n_out
    return first


@_compiled
def _propagate_back(network, slopes, gradient):
    """Propagate the gradient on the nodes of the last layer to all nodes before it, which are zero."""
    last, weight = len(gradient), len(network.backward_weights)
    for layer in range(len(network.sizes) - 1, 0, -1):
        n_in, n_out = network.sizes[layer - 1], network.sizes[layer]
        first, start, weight = last - n_out - n_in, last - n_out, weight - n_in * n_out
        upstream = gradient[first:start]
        _add_product(network.backward_weights[weight:], gradient[start:last], upstream)
        if layer > 1:
            for i in range(n_in):
                upstream[i] *= slopes[first + i]
        last = start


@_compiled
def _read_cv(kind, outputs, node):
    """Turn a node of the last layer, or a pair of them, into a collective variable."""
    if kind == CIRCULAR:
        return math.atan2(outputs[node + 1], outputs[node])
    if kind == TANH:
        return math.tanh(outputs[node])
    return outputs[node]


@_compiled
def _pull_back_cv(kind, cv, slope, outputs, node, gradient):
    """Fill the gradient on a node of the last layer, or on a pair of them, from the slope ∂U/∂ξ of a collective variable."""
    if kind == CIRCULAR:
        x, y = outputs[node], outputs[node + 1]
        turn = slope / max(x * x + y * y, _SMALLEST_RADIUS_SQUARED)
        gradient[node], gradient[node + 1] = -turn * y, turn * x
    elif kind == TANH:
        gradient[node] = slope * (1.0 - cv * cv)
    else:
        gradient[node] = slope


@_compiled
def _restrain_cvs(cv_kinds, outputs, center, force_constant, gradient):
    """Evaluate U = ½ κ Σ (ξ − ξ⁰)² [kJ/mol], and fill its gradient on the nodes of the last layer."""
    energy, node = 0.0, 0
    for k in range(len(cv_kinds)):
        kind = cv_kinds[k]
        cv = _read_cv(kind, outputs, node)
        deviation = cv - center[k]
        if kind == CIRCULAR:
            deviation -= 2.0 * math.pi * round(deviation / (2.0 * math.pi))
        _pull_back_cv(kind, cv, force_constant * deviation, outputs, node, gradient)
        energy += 0.5 * force_constant * deviation * deviation
        node += 2 if kind == CIRCULAR else 1
    return energy


@_compiled
def _turn_back(network, placed, pull, rotation, b, forces):
    """Fill ``forces`` with minus the gradient on the positions x, from ``pull``, that on the placed atoms y.

    With the reference's positions r, g = ∂U/∂y less its mean, T = Σ y × g and A = Σ [(r · y) 1 − y rᵀ], one has
    ∂U/∂x = Rᵀ (g − w × r) with A w = T, because R keeps Σ y × r = 0, so that K = Σ y rᵀ = R Bᵀ is symmetric.
    """
    n_atoms = len(placed)
    mean = 0.0, 0.0, 0.0
    for a in range(n_atoms):
        mean = _plus(mean, 1.0 / n_atoms, _row(pull, a))
    w = 0.0, 0.0, 0.0
    if network.superposes:
        torque = 0.0, 0.0, 0.0
        for a in range(n_atoms):
            torque = _plus(torque, 1.0, _cross(_row(placed, a), _plus(_row(pull, a), -1.0, mean)))
        w = _solve_torque(rotation, b, torque)
    # The columns of R are the rows of its transpose.
    back = (
        (rotation[0][0], rotation[1][0], rotation[2][0]),
        (rotation[0][1], rotation[1][1], rotation[2][1]),
        (rotation[0][2], rotation[1][2], rotation[2][2]),
    )
    for a in range(n_atoms):
        turn = _cross(w, _row(network.reference, a))
        g = _plus(_plus(_row(pull, a), -1.0, mean), -1.0, turn)
        forces[a, 0], forces[a, 1], forces[a, 2] = -_dot(back[0], g), -_dot(back[1], g), -_dot(back[2], g)


@_compiled
def evaluate_frames(integers, numbers, frames):
    """Evaluate the collective variables of frames [nm] with ``shape=(n_frames, n_atoms, 3)``.

    Args:
        integers, numbers: The packed network.
        frames: The frames.

    Returns:
        The collective variables with ``shape=(n_frames, n_cvs)``.
    """
    network = unpack(integers, numbers)
    cvs = np.empty((len(frames), len(network.cv_kinds)))
    placed = np.empty(network.reference.shape)
    nodes, slopes = np.empty(network.sizes.sum()), np.empty(network.sizes.sum())
    for f in range(len(frames)):
        _place(frames[f], network, placed)
        _featurise(placed, network, nodes)
        node = _propagate(network, nodes, slopes)
        for k in range(len(network.cv_kinds)):
            cvs[f, k] = _read_cv(network.cv_kinds[k], nodes, node)
            node += 2 if network.cv_kinds[k] == CIRCULAR else 1
    return cvs


@_compiled
def restrain(integers, numbers, positions, center, force_constant, forces):
    """Evaluate U = ½ κ Σ (ξ − ξ⁰)² and fill ``forces`` [kJ/mol/nm] with ``shape=(n_atoms, 3)``.

    Args:
        integers, numbers: The packed network.
        positions: The positions [nm] with ``shape=(n_atoms, 3)``.
        center: ξ⁰ with ``shape=(n_cvs,)``.
        force_constant: κ [kJ/mol per squared CV unit].
        forces: The array to fill.

    Returns:
        The energy [kJ/mol].
    """
    network = unpack(integers, numbers)
    n_nodes = network.sizes.sum()
    nodes, slopes, gradient = np.empty(n_nodes), np.empty(n_nodes), np.zeros(n_nodes)
    placed, pull = np.empty(positions.shape), np.empty(positions.shape)
    rotation, b = _place(positions, network, placed)
    _featurise(placed, network, nodes)
    last = _propagate(network, nodes, slopes)
    energy = _restrain_cvs(network.cv_kinds, nodes[last:], center, force_constant, gradient[last:])
    _propagate_back(network, slopes, gradient)
    _pull_back(placed, network, nodes, gradient, pull)
    _turn_back(network, placed, pull, rotation, b, forces)
    return energy


@_compiled
def push(integers, numbers, positions, cv_slopes, forces):
    """Fill ``forces`` [kJ/mol/nm] with ``shape=(n_atoms, 3)`` with those of any potential U(ξ).

    Args:
        integers, numbers: The packed network.
        positions: The positions [nm] with ``shape=(n_atoms, 3)``.
        cv_slopes: ∂U/∂ξ at these positions [kJ/mol per CV unit] with ``shape=(n_cvs,)``.
        forces: The array to fill.
    """
    network = unpack(integers, numbers)
    n_nodes = network.sizes.sum()
    nodes, slopes, gradient = np.empty(n_nodes), np.empty(n_nodes), np.zeros(n_nodes)
    placed, pull = np.empty(positions.shape), np.empty(positions.shape)
    rotation, b = _place(positions, network, placed)
    _featurise(placed, network, nodes)
    last = _propagate(network, nodes, slopes)
    outputs, node = nodes[last:], 0
    for k in range(len(network.cv_kinds)):
        kind = network.cv_kinds[k]
        _pull_back_cv(kind, _read_cv(kind, outputs, node), cv_slopes[k], outputs, node, gradient[last:])
        node += 2 if kind == CIRCULAR else 1
    _propagate_back(network, slopes, gradient)
    _pull_back(placed, network, nodes, gradient, pull)
    _turn_back(network, placed, pull, rotation, b, forces)
