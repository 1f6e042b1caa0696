"""A SavedModel answers as the trained model does, for any batch."""

import pytest

from keras_gen import serving
from tests.contract.conftest import has_parameter
from tests.contract.helpers import compiled, data_of, fit


def test_export_equals_the_model(case, tmp_path):
    """After training: moving statistics and averages have left their start."""
    averaged = {"ema_decay": 0.5} if has_parameter(case, "ema_decay") else {}
    model = compiled(case, build_arguments=averaged)
    fit(model, data_of(case))
    path = serving.export(model, tmp_path / "1")
    for batch_size in (1, 7):
        difference = serving.verify(model, path, batch_size=batch_size)
        # Sums of the backends differ in their order.
        assert difference < 1e-5
    with pytest.raises(FileExistsError, match="overwrite=True"):
        serving.export(model, path)
