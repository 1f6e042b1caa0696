"""Layer-wise pretraining: models one on top of the other."""

import math
import typing

import keras
import numpy as np


class LayerwisePretraining:
    """Mixed into a model whose layers are first trained one by one.

    A subclass sets `pretraining`, the paper's epochs and batch size, and
    defines `layer_models`, and `layer_optimizer` and `unroll` where it has to.
    """

    pretraining: typing.ClassVar[tuple[int, int]]

    def layer_models(self) -> list[keras.Model]:
        """The models that train the layers, the lowest first."""
        raise NotImplementedError(
            f"{type(self).__name__} needs `layer_models`."
        )

    def layer_optimizer(self, model, steps: int):
        """A model's optimizer, with `steps` an epoch; `None` for its own."""

    def unroll(self, models) -> None:
        """Takes the weights of the layers' models, if they are not its own."""

    def layer_seed(self, index: int) -> int | None:
        """The seed of a layer's model."""
        return None if self.seed is None else self.seed + index

    def pretrain(
        self,
        x: np.ndarray,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer=None,
        verbose="auto",
    ) -> list[keras.Model]:
        """Trains each layer on the codes of the layers below it.

        Args:
            epochs: Integer. Passes over the data for each layer. Defaults, as
                does `batch_size`, to the class's `pretraining`.
            batch_size: Integer.
            optimizer: Function that returns the optimizer of a layer's model,
                or `None` for the paper's.
            verbose: As in `fit`.

        Returns:
            List of the trained models of the layers, the lowest first. Their
            `history` has what `fit` logged.
        """
        x, models = self.as_examples(x), self.layer_models()
        x = x.reshape(len(x), *models[0].input_shape)
        epochs = epochs or self.pretraining[0]
        batch_size = batch_size or self.pretraining[1]
        steps = math.ceil(len(x) / batch_size)
        for index, model in enumerate(models):
            own = self.layer_optimizer(model, steps)
            model.compile(optimizer(model) if optimizer else own)
            if verbose:
                layer = f"Layer {index + 1} of {len(models)}"
                print(f"{layer}: {model.latent_dim} units")
            model.fit(x, batch_size=batch_size, epochs=epochs, verbose=verbose)
            x = model.encode(x, batch_size=1000)
        self.unroll(models)
        return models
