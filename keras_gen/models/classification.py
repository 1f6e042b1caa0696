"""What models that classify share."""

import numpy as np
from keras import ops

from keras_gen.checks import check_decay
from keras_gen.engine import Signature, update_average
from keras_gen.losses import classification


class Classifier:
    """Mixed into a model that classifies, from labels of all or of some.

    A subclass sets `num_classes`, names `"accuracy"` in `logged`, and defines:
        logits_step: `(x)`, the class logits of a batch.
    """

    def logits_step(self, x):
        """The class logits of a batch."""
        raise NotImplementedError(f"{type(self).__name__} needs `logits_step`.")

    def probabilities_step(self, x):
        """The class probabilities of a batch."""
        return ops.softmax(self.logits_step(x), axis=-1)

    def classification_loss(self, labels, logits, x=None):
        """Cross-entropy of the labeled examples; logs their accuracy.

        Args:
            labels: Integer tensor of shape `(batch,)`, with -1 for no label.
            logits: Tensor of shape `(batch, num_classes)`.
            x: The examples, if `classify` has other logits of them. The
                accuracy of held-out examples is that of `classify`.
        """
        judged = logits
        if x is not None and self.is_evaluating:
            judged = self.logits_step(x)
        self.log(accuracy=classification.accuracy(labels, judged))
        return classification.cross_entropy(labels, logits)

    def class_probabilities(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The probability of each class, of shape `(n, num_classes)`."""
        return self.run(self.probabilities_step, x, batch_size=batch_size)

    def classify(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The most probable class of each example, an integer."""
        probabilities = self.class_probabilities(x, batch_size=batch_size)
        return probabilities.argmax(axis=-1)

    def classify_signature(self) -> Signature:
        """The served function from examples to class probabilities."""
        x = {"x": self.data_spec().x}
        return Signature(self.probabilities_step, x, ("probabilities",))

    def signatures(self):
        return {**super().signatures(), "classify": self.classify_signature()}


class AveragedClassifier(Classifier):
    """Mixed into a model that classifies by an average of its weights.

    A subclass names the network in `classifying` and calls
    `average_classifier` in its constructor, once the network is there. Its
    `logits_step` uses `averaged_classifier`.
    """

    classifying = "classifier"

    def average_classifier(self, decay: float | None):
        """Adds an exponential moving average of the weights.

        Args:
            decay: Float in [0, 1), or `None` for the weights themselves.
        """
        self.classifier_ema_decay = decay
        if decay is not None:
            check_decay(classifier_ema_decay=decay)
            network = getattr(self, self.classifying)
            self.ema_classifier = self.average_of(self.classifying, network)

    @property
    def averaged_classifier(self):
        """The network that classifies."""
        if self.classifier_ema_decay is None:
            return getattr(self, self.classifying)
        return self.ema_classifier

    def after_update(self, player):
        super().after_update(player)
        decay = self.classifier_ema_decay
        if decay is not None and self.classifying in self.players[player]:
            network = getattr(self, self.classifying)
            update_average(self.ema_classifier, network, decay)

    def served_networks(self):
        return [*super().served_networks(), self.averaged_classifier]


class ClusterClassifier(Classifier):
    """Mixed into a model whose classes may be clusters, found without labels.

    A subclass sets `supervised`, and if it is `False` calls
    `add_cluster_labels` in its constructor.
    """

    def add_cluster_labels(self):
        """Adds the label of each cluster, which is saved; -1 for none yet."""
        self.cluster_labels = self.add_state(
            "cluster_labels", -1, (self.num_classes,), "int32"
        )

    def assign(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The most probable class or cluster of each example, an integer."""
        return super().classify(x, batch_size=batch_size)

    def classify(self, x, *, batch_size: int = 256) -> np.ndarray:
        clusters = self.assign(x, batch_size=batch_size)
        if self.supervised:
            return clusters
        labels = ops.convert_to_numpy(self.cluster_labels)
        if labels.min() < 0:
            raise ValueError(
                "The clusters must have labels before `classify`. Call "
                "`label_clusters(x, y)` with held-out examples, or `assign(x)` "
                "for the clusters. Received: clusters without labels."
            )
        return labels[clusters]

    def label_clusters(self, x, y, *, batch_size: int = 256) -> np.ndarray:
        """Gives each cluster the label of its most probable example.

        The labels are saved with the model. `classify` needs them.

        Args:
            y: Integer array of shape `(n,)`, the classes of held-out examples.

        Returns:
            Integer array, the label of each cluster.
        """
        if self.supervised:
            raise ValueError(
                "`supervised` must be False for clusters. Received: "
                "supervised=True. Call `classify(x)`."
            )
        y = np.asarray(y).reshape(-1)
        if len(x) != len(y) or len(y) == 0:
            raise ValueError(
                "`y` must be one class for each example. Received: "
                f"{len(x)} examples and {len(y)} classes."
            )
        surest = self.class_probabilities(x, batch_size=batch_size).argmax(0)
        self.cluster_labels.assign(y[surest].astype("int32"))
        return y[surest]
