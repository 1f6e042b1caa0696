"""Small models that prove the bases of families which no system uses yet.

Each is deleted when the first system of its family arrives. They go through
the contract and through everything that runs over the registry.
"""

import dataclasses
import importlib

from keras_gen.registry import System


@dataclasses.dataclass(frozen=True)
class Proof(System):
    """A row like those of the registry, of a model beside its tests."""

    def load(self, class_name=None):
        module = importlib.import_module(self.module)
        return getattr(module, class_name or self.class_name)


def proof(name, class_name, family):
    return Proof(
        name=name,
        class_name=class_name,
        module=f"tests.proofs.{name}",
        paper="",
        url="",
        family=family,
        data="",
    )


PROOFS = (
    proof("projection_gan", "ProjectionGAN", "gan"),
    proof("growing_gan", "GrowingGAN", "gan"),
)
