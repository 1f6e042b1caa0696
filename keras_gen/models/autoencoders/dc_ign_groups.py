"""The groups of code entries of DC-IGN, one for each factor."""

import numpy as np

# The number of the active group that stands for all of them.
ALL_ACTIVE = -1
GROUPS = {"azimuth": 1, "elevation": 1, "light": 1, "intrinsic": None}


def group_sizes(groups, latent_dim):
    """The number of code entries of each group.

    Args:
        groups: Dictionary from names to sizes, one of them `None`: the rest.
        latent_dim: Integer.

    Returns:
        Dictionary from names to sizes that add up to `latent_dim`.
    """
    sizes = list(groups.values())
    known = [size for size in sizes if size is not None]
    rest = latent_dim - sum(known)
    open_groups = len(sizes) - len(known)
    if (
        not groups
        or min(known, default=1) < 1
        or open_groups > 1
        or (rest < 1 if open_groups else rest != 0)
    ):
        raise ValueError(
            "`groups` gives each group of code entries a positive size, and "
            "one of them at most `None` for the rest of `latent_dim`. "
            f"Received: groups={dict(groups)}, latent_dim={latent_dim}."
        )
    return {n: rest if size is None else size for n, size in groups.items()}


def check_numbers(y, groups, batch_size):
    """Raises unless the slices of an array have one active group each.

    Args:
        y: Integer array of shape `(n,)`.
        groups: Dictionary from the names of the groups to their sizes.
        batch_size: Integer.
    """
    numbers = y.reshape(len(y), -1)
    if numbers.shape[1] != 1 or not np.all(
        np.isin(numbers, np.arange(ALL_ACTIVE, len(groups)))
    ):
        raise ValueError(
            "The targets are one number for each image: the active group "
            f"of {list(groups)}, counted from 0, or -1 for all. "
            f"Received: shape={y.shape}, values from {y.min()} to "
            f"{y.max()}."
        )
    for start in range(0, len(y), batch_size):
        found = np.unique(numbers[start : start + batch_size])
        if len(found) > 1:
            raise ValueError(
                "A batch has one active group, for all of its images. "
                f"Received: groups {found.tolist()} in images {start} to "
                f"{min(start + batch_size, len(y)) - 1}, a batch of "
                f"batch_size={batch_size}. Order the images by batches, "
                "and pass their `batch_size`."
            )
