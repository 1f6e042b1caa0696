"""A report of metrics: values together with their settings."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.files import atomic_path
from keras_gen.metrics.checks import optional_package, versions


class MetricReport:
    """Collects metrics and their settings; writes, prints and draws them.

    Args:
        title: String. What is evaluated.
        settings: Dict. What all metrics have in common, such as the data set,
            the seed and the number of samples: strings, numbers, None, and
            lists and dicts of them.

    Attributes:
        results: Dict from names to plain Python values, in order.
        settings: Dict. The common settings, with the versions of this
            library, of Keras and of the backend.
        metric_settings: Dict from names to the settings of that metric alone.

    Raises:
        ValueError: If a setting cannot be written as JSON.

    Example:

    ```python
    report = MetricReport("DCGAN on digits", {"seed": 0})
    report.add("inception_score", 8.9, extractor="digits", splits=10)
    report.add("pesq", {"noisy": 1.97, "SEGAN": 2.16})
    report.add("loss", [2.0, 1.5, 1.2])
    print(report.table())
    report.to_json("runs/dcgan/metrics.json")
    ```
    """

    def __init__(
        self, title: str = "Metrics", settings: Mapping[str, Any] | None = None
    ):
        self.title = title
        self.results = {}
        self.metric_settings = {}
        self.settings = {
            key: _setting(key, value) for key, value in (settings or {}).items()
        }
        self.settings.setdefault("versions", versions())

    def add(self, name: str, value: Any, /, **settings: Any) -> "MetricReport":
        """Adds the result of a metric.

        Args:
            name: String. The metric, not yet in the report.
            value: Float or integer, None if it is unavailable, a vector of
                numbers, drawn as a curve, or a dict or `NamedTuple` of these,
                whose numbers are drawn as a group of bars. Items of a dict that
                are text or dicts themselves become settings.
            **settings: Settings of this metric alone, such as the extractor.

        Returns:
            The report itself.

        Raises:
            ValueError: If the name is taken, or the value is of another type or
                not finite; the error names the metric.

        Example:

        ```python
        MetricReport().add("fid", 12.3, num_samples=5000).add("recall", 0.4)
        ```
        """
        if name in self.results:
            raise ValueError(
                f"`name` must be new in the report. Received: {name=}."
            )
        settings = {key: _setting(key, item) for key, item in settings.items()}
        if hasattr(value, "_asdict"):
            value = value._asdict()
        if isinstance(value, Mapping):
            plain = {}
            for key, item in value.items():
                if isinstance(item, str | Mapping):
                    settings.setdefault(str(key), _setting(key, item))
                else:
                    plain[str(key)] = _result(f"{name}.{key}", item)
            if not plain:
                raise ValueError(
                    f"`{name}` must hold numbers. Received: only "
                    f"{sorted(settings)}. Add text as `settings`."
                )
        else:
            plain = _result(name, value)
        self.results[name] = plain
        if settings:
            self.metric_settings[name] = settings
        return self

    def add_all(
        self, values: Mapping[str, Any], settings: Sequence[str] = ()
    ) -> "MetricReport":
        """Adds every item of a dict as a separate metric.

        For the results of `evaluate_samples` and the like: items that are text
        or dicts become settings of the report.

        Args:
            values: Dict or `NamedTuple` of results.
            settings: Sequence of strings. Names of numeric items that are
                settings, such as `"seed"`.

        Returns:
            The report itself.

        Raises:
            ValueError: As `add`, or if a setting already has another value.

        Example:

        ```python
        values = {"fid": 12.3, "num_samples": 500, "extractor": "digits"}
        MetricReport().add_all(values, settings=["num_samples"])
        ```
        """
        if hasattr(values, "_asdict"):
            values = values._asdict()
        unknown = sorted(set(settings) - set(values))
        if unknown:
            raise ValueError(
                f"`settings` must be among {list(values)}. Received: {unknown}."
            )
        for name, value in values.items():
            if name not in settings and not isinstance(value, str | Mapping):
                self.add(name, value)
                continue
            value = _setting(name, value)
            if self.settings.setdefault(name, value) != value:
                raise ValueError(
                    f"`{name}` must be the same setting for the whole report. "
                    f"Received: {value!r}, after {self.settings[name]!r}. Make "
                    "another report."
                )
        return self

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python values.

        Returns:
            A dict with `title`, `settings` and `results`, the latter a list
            of dicts with `name`, `value` and, where there are any,
            `settings`.
        """
        results = []
        for name, value in self.results.items():
            result = {"name": name, "value": value}
            if name in self.metric_settings:
                result["settings"] = self.metric_settings[name]
            results.append(result)
        return {
            "title": self.title,
            "settings": self.settings,
            "results": results,
        }

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes `to_dict()` as JSON.

        Args:
            path: Path. The file; its folder is made if needed.
        """
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False)
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def table(self) -> str:
        """The report as plain text in two columns.

        Returns:
            A string of several lines without a final newline: a row for each
            number, `unavailable` for None, then the settings.
        """
        rows = []
        for name, value in self.results.items():
            if isinstance(value, dict):
                rows += [(f"{name}.{key}", item) for key, item in value.items()]
            else:
                rows.append((name, value))
        rows = [(name, _cell(value)) for name, value in rows]
        lines = [self.title, "=" * len(self.title)]
        if rows:
            left = max(len(name) for name, _ in rows)
            right = max(len(cell) for _, cell in rows)
            lines += [f"{name:<{left}}  {cell:>{right}}" for name, cell in rows]
        lines += ["", f"Settings: {_inline(self.settings)}"]
        for name, settings in self.metric_settings.items():
            lines.append(f"{name}: {_inline(settings)}")
        return "\n".join(lines)

    def save_picture(self, path: str | os.PathLike) -> None:
        """Draws a panel for each metric: bars for numbers, lines for vectors.

        Unavailable values are left out.

        Args:
            path: Path. The file, such as `"metrics.png"`; its folder is made if
                needed.

        Raises:
            ImportError: If matplotlib is not installed.
            ValueError: If there is nothing to draw.
        """
        panels = {name: _parts(v) for name, v in self.results.items()}
        panels = {name: parts for name, parts in panels.items() if parts}
        if not panels:
            raise ValueError(
                "The report must hold numbers to draw. Received: none. Add "
                "results first."
            )
        figures = optional_package(
            "matplotlib.figure", "matplotlib", "recipes", "`save_picture`"
        )
        columns = min(3, len(panels))
        rows = math.ceil(len(panels) / columns)
        figure = figures.Figure(
            figsize=(4.0 * columns, 2.8 * rows + 0.4), layout="constrained"
        )
        figure.suptitle(self.title)
        for index, (name, parts) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(rows, columns, index)
            axes.set_title(name, fontsize="medium")
            _draw(axes, parts)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=120)


def _draw(axes, parts):
    bars = {k: v for k, v in parts.items() if not isinstance(v, list)}
    curves = {k: v for k, v in parts.items() if isinstance(v, list)}
    for label, values in curves.items():
        marker = "." if len(values) < 30 else None
        axes.plot(range(len(values)), values, marker=marker, label=label)
    if curves:
        axes.xaxis.get_major_locator().set_params(integer=True)
        # Numbers beside curves are levels to compare them with.
        for color, (label, value) in enumerate(bars.items(), len(curves)):
            axes.axhline(value, linestyle="--", color=f"C{color}", label=label)
        if any(parts):
            axes.legend(fontsize="small")
    else:
        drawn = axes.bar(list(bars), list(bars.values()))
        labels = [_cell(value) for value in bars.values()]
        axes.bar_label(drawn, labels=labels, fontsize="small")
        axes.margins(x=0.6 if len(bars) == 1 else 0.05, y=0.15)
        axes.tick_params(axis="x", labelrotation=30 if len(bars) > 3 else 0)


def _parts(value):
    """The parts of a result that can be drawn: labels with numbers or lists."""
    parts = value if isinstance(value, dict) else {"": value}
    return {label: part for label, part in parts.items() if part is not None}


def _result(name, value):
    """A result as None, a Python number, or a list of floats."""
    if value is None:
        return None
    if keras.ops.is_tensor(value) or isinstance(value, keras.Variable):
        value = keras.ops.convert_to_numpy(value)
    kinds = int | float | list | tuple | np.generic | np.ndarray
    try:
        array = np.asarray(value if isinstance(value, kinds) else "")
    except ValueError:  # a list of lists of different lengths
        array = np.asarray("")
    # V: NumPy's kind of bfloat16.
    if array.dtype.kind not in "biufV":
        raise ValueError(
            f"`{name}` must be a number, a vector of numbers, None, or a dict "
            f"of these. Received: {value!r}."
        )
    floats = array.astype(np.float64)
    if floats.ndim > 1 or floats.size == 0:
        raise ValueError(
            f"`{name}` must be a number or a vector of numbers. Received: an "
            f"array of shape {floats.shape}."
        )
    if not np.isfinite(floats).all():
        raise ValueError(
            f"`{name}` must be finite. Received: {value!r}. Add None for a "
            "metric that could not be computed."
        )
    if floats.ndim == 1:
        return floats.tolist()
    integer = np.issubdtype(array.dtype, np.integer)
    return int(array) if integer else float(floats)


def _setting(name, value):
    """A setting as JSON types."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, Mapping):
        return {str(k): _setting(f"{name}.{k}", v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_setting(name, item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(
        f"The setting `{name}` must be JSON. Received: {value!r}. Pass text, "
        "finite numbers, None, or lists and dicts of them."
    )


def _cell(value):
    if value is None:
        return "unavailable"
    if isinstance(value, list):
        return f"{value[0]:.5g} ... {value[-1]:.5g} ({len(value)})"
    return str(value) if isinstance(value, int) else f"{value:.5g}"


def _inline(settings):
    parts = []
    for key, value in settings.items():
        if isinstance(value, dict):
            value = "(" + _inline(value) + ")"
        parts.append(f"{key}={value}")
    return ", ".join(parts)
