"""The labels of one data set or of two, as StarGAN has them."""

import numpy as np
from keras import ops

from keras_gen.engine import Attributes, Labels, Vector
from keras_gen.losses.reconstruction import binary_crossentropy


class LabelSets:
    """Binary attributes, classes, or those of a data set each.

    Args:
        num_attributes: Integer, 0 for none.
        num_classes: Integer, 0 for none.
    """

    def __init__(self, num_attributes: int, num_classes: int):
        self.num_attributes = num_attributes
        self.num_classes = num_classes
        self.are_two = bool(num_attributes and num_classes)
        self.num_logits = num_attributes + num_classes
        # That of the vector: with two sets, a mask vector says which is known.
        self.size = self.num_logits + 2 * self.are_two

    @property
    def condition(self):
        """The spec of what an image is to become."""
        if self.are_two:
            return Vector(self.size, "num_classes")
        if self.num_classes:
            return Labels(self.num_classes)
        return Attributes(self.num_attributes)

    @property
    def spec(self):
        """The spec of what an image is: -1 is unknown."""
        if not self.are_two:
            return self.condition
        return {
            "attributes": Attributes(self.num_attributes, "allowed"),
            "labels": Labels(self.num_classes, "allowed"),
        }

    def parts(self, y):
        """Attributes and classes of a batch, each or `None`."""
        if self.are_two:
            return y["attributes"], y["labels"]
        return (None, y) if self.num_classes else (y, None)

    def vector(self, y):
        """Attributes and one-hot classes, with zeros for what is unknown.

        Args:
            y: The labels of a batch, as `spec` says.

        Returns:
            Tensor of shape `(batch, size)`.
        """
        attributes, labels = self.parts(y)
        vector, mask = [], []
        if attributes is not None:
            vector.append(ops.relu(attributes))
            mask.append(ops.max(attributes, axis=-1, keepdims=True) >= 0)
        if labels is not None:
            vector.append(self.one_hot(labels))
            mask.append(labels[:, None] >= 0)
        vector += mask if self.are_two else []
        return ops.concatenate([ops.cast(v, "float32") for v in vector], -1)

    def vector_of_one(self, attributes=None, labels=None) -> np.ndarray:
        """The vector of the labels of one of two sets, checked."""
        if not self.are_two or (attributes is None) == (labels is None):
            raise ValueError(
                "`label_vector` must be given `attributes` or `labels` of a "
                "model of both. Received: attributes="
                f"{attributes}, labels={labels}. With one of the two, pass "
                "them to `translate` themselves."
            )
        given = attributes if labels is None else labels
        n = len(given)
        y = {
            "attributes": np.full((n, self.num_attributes), -1.0),
            "labels": np.full(n, -1),
        }
        y["attributes" if labels is None else "labels"] = np.asarray(given)
        for key, part in self.spec.items():
            part.check_shape("label_vector", key, y[key].shape)
            part.check_values("label_vector", key, y[key])
            y[key] = part.prepare(ops.convert_to_tensor(y[key]))
        return ops.convert_to_numpy(self.vector(y))

    def split(self, logits):
        """The logits of attributes and of classes."""
        first = self.num_attributes
        return logits[:, :first], logits[:, first:]

    def groups(self, y):
        """Which of two sets each example is of, or `None` for one set."""
        if not self.are_two:
            return None
        return ops.cast(y["labels"] >= 0, "int32")

    def loss(self, y, logits):
        """`L_cls` of what is known: of attributes, a sum; a mean of images."""
        (attributes, labels), parts = self.parts(y), self.split(logits)
        loss = 0.0
        if attributes is not None:
            known = ops.cast(attributes >= 0, "float32")
            terms = binary_crossentropy(ops.relu(attributes), parts[0])
            loss += ops.mean(ops.sum(known * terms, axis=-1))
        if labels is not None:
            # One-hot labels are 0 for an unknown class, and so is the loss.
            chosen = self.one_hot(labels)
            log_sum = ops.logsumexp(parts[1], axis=-1, keepdims=True)
            loss += ops.mean(ops.sum(chosen * (log_sum - parts[1]), axis=-1))
        return loss

    def one_hot(self, labels):
        """One-hot labels, with zeros for -1."""
        classes = ops.arange(self.num_classes, dtype="int32")
        return ops.cast(ops.equal(labels[:, None], classes), "float32")

    def probabilities(self, logits):
        """Those of each attribute, and those of the classes."""
        attributes, classes = self.split(logits)
        found = []
        if self.num_attributes:
            found.append(ops.sigmoid(attributes))
        if self.num_classes:
            found.append(ops.softmax(classes, axis=-1))
        return ops.concatenate(found, axis=-1)
