"""The labels of one data set or of two, as StarGAN has them."""

from keras import ops

from keras_gen.engine import Attributes, Labels, Vector
from keras_gen.losses.classification import cross_entropy, labeled_mean
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
            labels = labels[:, None]
            classes = ops.arange(self.num_classes, dtype="int32")
            vector.append(ops.equal(labels, classes))
            mask.append(labels >= 0)
        vector += mask if self.are_two else []
        return ops.concatenate([ops.cast(v, "float32") for v in vector], -1)

    def split(self, logits):
        """The logits of attributes and of classes."""
        first = self.num_attributes
        return logits[:, :first], logits[:, first:]

    def loss(self, y, logits):
        """`L_cls`, a sum over attributes, of what is known in a batch."""
        (attributes, labels), parts = self.parts(y), self.split(logits)
        loss = 0.0
        if attributes is not None:
            known = ops.cast(attributes >= 0, "float32")
            terms = known * binary_crossentropy(ops.relu(attributes), parts[0])
            any_known = ops.max(attributes, axis=-1)
            loss += labeled_mean(ops.sum(terms, axis=-1), any_known)
        if labels is not None:
            loss += cross_entropy(labels, parts[1])
        return loss

    def probabilities(self, logits):
        """Those of each attribute, and those of the classes."""
        attributes, classes = self.split(logits)
        found = []
        if self.num_attributes:
            found.append(ops.sigmoid(attributes))
        if self.num_classes:
            found.append(ops.softmax(classes, axis=-1))
        return ops.concatenate(found, axis=-1)
