"""How heads of ellipsoids are rendered: their shapes, and their images."""

import math

import numpy as np
import tensorflow as tf

IDENTITIES = 1000

# Lengths are in halves of the image's side.
_BLEND = 0.025
# How fast an ellipsoid recedes outside of its outline.
_RECEDE = 6.0
_LAMP_ELEVATION = math.radians(25.0)
_AMBIENT = 0.12
_GAMMA = 0.75


def _heads():
    """Centers, radii and grays of the ellipsoids of every identity.

    Seen from the front, x points to the right, y upwards, z to the viewer.

    Returns:
        Float arrays `(1000, ellipsoids, 3)`, the same, `(1000, ellipsoids)`.
    """
    rng = np.random.default_rng(1503)
    traits = rng.uniform(-1.0, 1.0, (16, IDENTITIES))
    # A spread of 0.1 multiplies a length by 0.9 to 1.1.
    spread = np.array([10, 8, 8, 14, 10, 18, 25, 30, 30, 25]) / 100
    scale = 1 + spread[:, np.newaxis] * traits[:10]
    wide, high, deep, jaw, chin, eyes, mouth, ears, nose, nostrils = scale
    apart, lips = 0.2 + 0.03 * traits[10], -0.36 + 0.03 * traits[11]
    brows, volume = 0.22 + 0.03 * traits[12], 0.05 + 0.04 * traits[13]
    skin, hair = 0.8 + 0.2 * traits[14], 0.3 + 0.25 * traits[15]
    front = 0.5 * deep
    parts = [
        # x, y and z of the center, the three radii, the gray.
        (0, 0.16, -0.05, 0.52 * wide, 0.56 * high, 0.55 * deep, skin),
        (0, -0.22, 0.1, 0.39 * wide * jaw, 0.46 * high, 0.4 * deep, skin),
        (0, -0.56 * chin, 0.27, 0.17 * jaw, 0.11, 0.16, skin),
        (0, 0.25, -0.2, 0.53 * wide + volume, 0.54 * high + volume)
        + (0.54 * deep, hair),
        (0, -0.08, front, 0.075 * nostrils, 0.18, 0.15 * nose, skin),
        (0, lips, front - 0.09, 0.16 * mouth, 0.035, 0.12, 0.45 * skin),
        (0, -0.9, -0.16, 0.26 * wide, 0.6, 0.27, 0.9 * skin),
    ]
    for side in (-1, 1):
        parts += [
            (side * apart, 0.08, front - 0.07, 0.09 * eyes, 0.055 * eyes)
            + (0.07, 0.08),
            (side * apart, brows, front - 0.1, 0.12, 0.03, 0.09, 0.5 * hair),
            (side * 0.52 * wide, 0, -0.12, 0.07, 0.15 * ears, 0.1 * ears)
            + (skin,),
        ]
    table = np.array(
        [[np.broadcast_to(v, IDENTITIES) for v in part] for part in parts]
    )
    table = table.transpose(2, 0, 1).astype("float32")
    return table[..., :3], table[..., 3:6], table[..., 6]


def renderer(side):
    """Returns a function that renders square images.

    Args:
        side: Integer. The height and width.

    Returns:
        Callable from angles, float32 of shape `(count, 3)`, and identities,
        int64 of shape `(count,)`, to uint8 images of shape
        `(count, side, side, 1)`.
    """
    line = (2 * np.arange(side) + 1 - side) / side
    x, y = np.tile(line, side), np.repeat(-line, side)
    one = np.ones_like(x)
    with tf.device("CPU:0"):
        bank = [tf.constant(values) for values in _heads()]
        flat = tf.constant([x, y, one], "float32")
        curved = tf.constant([x * x, x * y, y * y, x, y, one], "float32")

    def render(angles, identities):
        centers, radii, grays = (tf.gather(v, identities) for v in bank)
        turn, lamp = _directions(angles)
        c = tf.einsum("bij,bkj->ibk", turn, centers)
        m = tf.einsum("bil,bkl,bjl->ijbk", turn, 1 / radii**2, turn)
        # An ellipsoid is the points where (p - c)' m (p - c) = 1. They lie
        # before and behind its middle plane, within its outline: where
        # (p - c)' s (p - c) < 1 for x and y, s the Schur complement of z.
        tilt_x, tilt_y = m[0, 2] / m[2, 2], m[1, 2] / m[2, 2]
        sxx = m[0, 0] - m[0, 2] * tilt_x
        sxy = m[0, 1] - m[0, 2] * tilt_y
        syy = m[1, 1] - m[1, 2] * tilt_y
        bx, by = sxx * c[0] + sxy * c[1], sxy * c[0] + syy * c[1]
        outline = tf.stack(
            [sxx, 2 * sxy, syy, -2 * bx, -2 * by, bx * c[0] + by * c[1]], -1
        )
        inside = 1 - tf.matmul(outline, curved)
        middle = [-tilt_x, -tilt_y, c[2] + tilt_x * c[0] + tilt_y * c[1]]
        depth = tf.matmul(tf.stack(middle, -1), flat)
        thickness = (m[2, 2] ** -0.5)[..., tf.newaxis]
        depth += thickness * tf.sqrt(tf.nn.relu(inside))
        # Near the outline, its distance in the image.
        radius = (sxx * syy - sxy**2) ** -0.25
        distance = inside * (0.5 * radius)[..., tf.newaxis]
        # The ellipsoids nearest to the viewer, blended.
        nearness = depth - _RECEDE * tf.nn.relu(-distance)
        nearness -= tf.reduce_max(nearness, axis=1, keepdims=True)
        weights = tf.exp(nearness / _BLEND)
        total = tf.reduce_sum(weights, axis=1)
        z = tf.reduce_sum(weights * depth, axis=1) / total
        # The gradients m (p - c), scaled to a length of about 1, and their
        # parts towards the lamp, by their coefficients of x, y, z and 1.
        m *= tf.reduce_prod(radii, axis=2) ** (1 / 3)
        m = tf.concat([m, [tf.einsum("bi,ijbk->jbk", lamp, m)]], axis=0)
        rows = tf.concat([m, -tf.einsum("ijbk,jbk->ibk", m, c)[:, None]], 1)
        rows = tf.unstack(tf.reshape(rows, (16, -1, grays.shape[1])))
        surface = tf.matmul(tf.stack([*rows, grays], axis=1), weights)
        surface = tf.unstack(surface, axis=1)
        *normal, facing = (
            surface[4 * i] * flat[0]
            + surface[4 * i + 1] * flat[1]
            + surface[4 * i + 2] * z
            + surface[4 * i + 3]
            for i in range(4)
        )
        squared = tf.square(normal[0]) + tf.square(normal[1])
        facing /= tf.sqrt(squared + tf.square(normal[2]) + 1e-12)
        shade = _AMBIENT + (1 - _AMBIENT) * tf.nn.relu(facing)
        distance = tf.reduce_max(distance, axis=1)
        cover = tf.clip_by_value(0.5 + 0.5 * side * distance, 0.0, 1.0)
        gray = tf.clip_by_value(surface[16] / total * shade, 0.0, 1.0)
        image = tf.round(255.0 * cover * gray**_GAMMA)
        return tf.reshape(tf.cast(image, "uint8"), (-1, side, side, 1))

    return render


def _directions(angles):
    """How the heads are turned, and from where the lamp shines.

    Args:
        angles: Tensor of shape `(count, 3)`. The azimuth, the elevation and
            the lamp's azimuth.

    Returns:
        Rotation matrices of shape `(count, 3, 3)` and unit vectors of shape
        `(count, 3)`.
    """
    cos, sin = (
        tf.unstack(tf.cos(angles), 3, 1),
        tf.unstack(tf.sin(angles), 3, 1),
    )
    zero = tf.zeros_like(cos[0])
    turn = [
        [cos[0], zero, sin[0]],
        [sin[1] * sin[0], cos[1], -sin[1] * cos[0]],
        [-cos[1] * sin[0], sin[1], cos[1] * cos[0]],
    ]
    level, height = math.cos(_LAMP_ELEVATION), math.sin(_LAMP_ELEVATION)
    lamp = [sin[2] * level, zero + height, cos[2] * level]
    rows = [tf.stack(row, axis=-1) for row in turn]
    return tf.stack(rows, axis=-2), tf.stack(lamp, axis=-1)
