"""What a training step is made of: updates, gradients, logs, parts."""

import keras
from keras import ops

from keras_gen import backend
from keras_gen.backend import scope
from keras_gen.schedules import Schedule


class Updates:
    """What training steps call. Mixed into `GenerativeModel`."""

    def minimize(self, player: str, batch=None, *, variables=None, over=None):
        """Updates a player's variables by one step of its optimizer.

        Variables of frozen layers stay as they are.

        The loss is logged under the player's name. Changes that it makes to
        other state, such as the moving statistics of batch normalization,
        last. Regularizers of the player's variables are added to it.

        Args:
            player: String. A key of `players`.
            batch: What `{player}_loss(batch, training=True)` is given; or, in
                its place, a function that returns the loss, a scalar, or a
                pair of the loss and any structure of tensors.
            variables: List of the player's variables that alone are updated,
                or `None` for all.
            over: List of parts, over which losses and gradients are averaged
                before the one update: `{player}_loss`, or the function, is
                given each of them.

        Returns:
            The loss, and the structure (with `over`, a list of them) or
            `None`. No gradient passes through either.
        """
        optimizer = self.optimizer[player]
        if variables is None:
            variables = self.optimizer.player_variables(player)
        variables = [v for v in variables if v.trainable]
        given = batch
        if not callable(batch):

            def given(part=batch):
                return self.player_loss(player, part, training=True)

        def differentiated(*part):
            def objective():
                loss = given(*part)
                loss, aux = loss if isinstance(loss, tuple) else (loss, None)
                _check_scalar(player, loss)
                loss = ops.cast(loss, "float32") + self.regularization(player)
                return optimizer.scale_loss(loss), (loss, aux)

            if not variables:
                return objective()[1], []
            return backend.differentiate(objective, variables)

        if over is None:
            (loss, aux), gradients = differentiated()
        else:
            results = [differentiated(part) for part in over]
            loss = _mean([loss for (loss, _), _ in results])
            aux = [aux for (_, aux), _ in results]
            gradients = [
                _mean(parts)
                for parts in zip(*(g for _, g in results), strict=True)
            ]
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            scale = ops.convert_to_tensor(optimizer.dynamic_scale)
            gradients = [gradient / scale for gradient in gradients]
            gradients = self.transform_gradients(player, gradients)
            gradients = [gradient * scale for gradient in gradients]
        else:
            gradients = self.transform_gradients(player, gradients)
        if variables:
            backend.apply_gradients(optimizer, gradients, variables)
        self.after_update(player)
        self.log(**{self.loss_names[player]: loss})
        return loss, aux

    def transform_gradients(self, player: str, gradients: list) -> list:
        """Hook: the gradients that `player`'s optimizer is given."""
        return gradients

    def decayed(self, player: str, gradients: list, rate: float) -> list:
        """Gradients with an L2 weight decay, as PyTorch's optimizers have it.

        Args:
            player: String. Whose gradients they are.
            gradients: List of those of its trainable variables.
            rate: Float. What of each variable is added to its gradient.
        """
        owned = self.optimizer.player_variables(player)
        trained = [variable for variable in owned if variable.trainable]
        return [
            gradient + ops.cast(rate * variable, gradient.dtype)
            for gradient, variable in zip(gradients, trained, strict=True)
        ]

    def after_update(self, player: str) -> None:
        """Hook: what follows each update of a player, such as averaging."""

    def gradient(self, fn, x):
        """Derivative of `sum(fn(x))` with respect to `x`.

        It can itself be differentiated, which gradient penalties need. Where
        `fn` treats the examples of a batch independently of each other, row
        `i` is the derivative of `fn(x[i])`.

        Args:
            fn: Function of one tensor that returns one tensor.
            x: Float tensor.

        Returns:
            Tensor of the shape of `x`.
        """
        return backend.gradient(fn, x)

    def frozen(self, *networks):
        """A context in which the weights of networks are constants.

        No gradient of a loss computed inside reaches them, while gradients
        pass through the networks to their inputs.

        Args:
            *networks: The model's networks.
        """
        return scope.frozen(*networks)

    def fixed_statistics(self, *networks):
        """A context that leaves the moving statistics of networks as they are.

        Batches are still normalized by their own statistics in training. It
        keeps the statistics that inference uses those of real examples, where
        a network also sees generated ones.

        Args:
            *networks: The model's networks.
        """
        return scope.fixed_statistics(*networks)

    def when(self, condition, fn) -> None:
        """Runs `fn`, which changes state alone, if a condition is true.

        Args:
            condition: Scalar boolean tensor, the same for all workers.
            fn: Function without arguments, such as one that calls `minimize`.
        """
        backend.when(condition, fn)

    def scheduled(self, value):
        """A number as it is, or the present value of a `Schedule`.

        Held-out data are evaluated with its last value, so that epochs can be
        compared.
        """
        if not isinstance(value, Schedule):
            return value
        if self.is_evaluating:
            return value.end
        return value(getattr(self, f"{value.unit}_seen").value)

    def log(self, **values) -> None:
        """Adds values to the running means that `fit` reports."""
        if not self.compiled:
            return
        names = self._loss_tracker.names
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise KeyError(
                f"{type(self).__name__} must name in `logged` what it logs. "
                f"Received: {unknown}, not among {list(names)}."
            )
        values = {k: ops.convert_to_tensor(v) for k, v in values.items()}
        values = {k: ops.stop_gradient(v) for k, v in values.items()}
        self._loss_tracker.update_state(values)

    def split(self, data, updates: int) -> list:
        """Splits a batch into fresh parts, one for each of several updates.

        Args:
            data: Structure of tensors whose first axis is the batch, and
                of `None`. Each tensor is divided by its own size.
            updates: Integer. The number of parts.

        Returns:
            List of `updates` structures. Their sizes differ by at most one.
            If there are too few examples for `batch_parts`, as in the last
            batch of an epoch, some are in several parts.
        """
        if updates > self.batch_parts:
            leaves = [x for x in keras.tree.flatten(data) if x is not None]
            for leaf in leaves:
                size = ops.shape(leaf)[0]
                backend.require_at_least(size, updates, too_few(updates))

        def part(i):
            def rows(x):
                if x is None:
                    return None
                size = ops.shape(x)[0]
                start = i * size // updates
                stop = _larger((i + 1) * size // updates, start + 1)
                return x[start:stop]

            return keras.tree.map_structure(rows, data)

        return [part(i) for i in range(updates)]


def too_few(updates: int) -> str:
    """What to say of a batch of `{size}` examples for more updates."""
    return (
        "A batch must hold at least one example for each of the "
        f"{updates} updates in a training step. Received: batch size "
        f"{{size}}. Pass a larger batch (a multiple of {updates}) or drop "
        "the remainder."
    )


def _larger(a, b):
    both_known = isinstance(a, int) and isinstance(b, int)
    return max(a, b) if both_known else ops.maximum(a, b)


def _check_scalar(player, loss):
    if len(loss.shape) != 0:
        raise ValueError(
            f"The loss of the player {player!r} must be a scalar. Received: "
            f"shape={tuple(loss.shape)}. Reduce it with `ops.mean` or "
            "`ops.sum`."
        )


def _mean(values):
    return sum(values) / len(values)
