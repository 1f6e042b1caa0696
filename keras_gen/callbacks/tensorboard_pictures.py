"""The pictures of every epoch, shown by TensorBoard too."""

import os
import time
from pathlib import Path

import keras

from keras_gen.pictures import picture_size


class TensorBoardPictures(keras.callbacks.Callback):
    """Writes the pictures of other callbacks to the logs of TensorBoard.

    `SampleGrid` and all other `EpochPictures` write `epoch_0001.png` and so
    on; at the end of each epoch, this adds those of the epoch, by the names of
    their folders. Its place in the list of callbacks is after theirs.

    Args:
        log_dir: String or path. The folder of the logs, such as that of
            `keras.callbacks.TensorBoard`.
        directory: String or path. The folder that has the folders of pictures
            in it.

    Raises:
        ImportError: If TensorBoard is missing.

    Example:

    ```python
    model.fit(
        dataset,
        epochs=10,
        callbacks=[
            keras_gen.callbacks.SampleGrid("runs/dcgan/samples"),
            keras.callbacks.TensorBoard("runs/dcgan/logs"),
            keras_gen.callbacks.TensorBoardPictures(
                "runs/dcgan/logs", "runs/dcgan"
            ),
        ],
    )
    ```
    """

    def __init__(
        self, log_dir: str | os.PathLike, directory: str | os.PathLike
    ):
        super().__init__()
        _tensorboard()
        self.log_dir = Path(log_dir) / "pictures"
        self.directory = Path(directory)
        self._writer = None

    def on_epoch_end(self, epoch, logs=None):
        event, summary, writer = _tensorboard()
        for path in sorted(self.directory.glob(f"*/epoch_{epoch + 1:04d}.png")):
            height, width, channels = picture_size(path)
            image = summary.Summary.Image(
                height=height,
                width=width,
                colorspace=channels,
                encoded_image_string=path.read_bytes(),
            )
            value = summary.Summary.Value(tag=path.parent.name, image=image)
            if self._writer is None:
                self._writer = writer.EventFileWriter(os.fspath(self.log_dir))
            self._writer.add_event(
                event.Event(
                    wall_time=time.time(),
                    step=epoch,
                    summary=summary.Summary(value=[value]),
                )
            )
        if self._writer is not None:
            self._writer.flush()

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _tensorboard():
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer import event_file_writer
    except ImportError as error:
        raise ImportError(
            "`TensorBoardPictures` writes logs of TensorBoard, which is not "
            "installed. Install it with `pip install -e '.[recipes]'` in the "
            "checkout."
        ) from error
    return event_pb2, summary_pb2, event_file_writer
