"""Saving: a model's arguments, and the state that Keras leaves out."""

import difflib
import inspect
import numbers
import typing

import keras
from keras import ops

from keras_gen.engine.docstrings import complete_docstring, complete_methods

POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
KEYWORD = inspect.Parameter.KEYWORD_ONLY
COMMON = ("seed", "name", "dtype")
VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


class Saveable:
    """Keeps the constructor's arguments; saves the seed generators.

    A model built from the arguments is the same model: layers among them,
    such as a user's own networks, are saved as their configurations.

    A constructor that passes `**kwargs` on takes its parent's arguments too,
    behind its own (with `*args` as well, in front of them). Its signature and
    its docstring, which `help`, `get_config` and the recipes' options read,
    have all of them.

    Class attributes:
        defaults: Dictionary of other defaults for the parent's arguments.
        fixed: Dictionary of the parent's arguments that are not the user's to
            choose.
    """

    defaults: typing.ClassVar[dict] = {}
    fixed: typing.ClassVar[dict] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__signature__ = _signature(cls)
        cls.__init__ = _with_all_arguments(cls)
        cls.__doc__ = complete_docstring(cls)
        complete_methods(cls)

    def __new__(cls, *args, **kwargs):
        instance = super().__new__(cls, *args, **kwargs)
        _refuse_unknown(cls, kwargs)
        bound = cls.__signature__.bind(*args, **kwargs)
        _check_shapes(bound.arguments)
        bound.apply_defaults()
        # Past Keras' tracking: these are arguments, not parts of the model.
        object.__setattr__(instance, "_arguments", dict(bound.arguments))
        return instance

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves the model, its optimizers and seeds to a `.keras` file."""
        if not str(filepath).endswith(".keras"):
            raise ValueError(
                "`filepath` must end in '.keras': other formats do not hold "
                "the optimizers of several players, or the seeds. Received: "
                f"filepath={str(filepath)!r}. For weights alone, call "
                "`save_weights`."
            )
        return super().save(filepath, overwrite, zipped, **kwargs)

    def get_config(self):
        config = {
            key: keras.saving.serialize_keras_object(value)
            for key, value in self._arguments.items()
        }
        base = super(keras.Model, self).get_config()
        config |= {"name": self.name, "dtype": base["dtype"]}
        if frozen := self.frozen_layers():
            config["frozen"] = frozen
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        frozen = config.pop("frozen", [])
        arguments = {
            key: keras.saving.deserialize_keras_object(
                value, custom_objects=custom_objects
            )
            for key, value in config.items()
        }
        # What is a default anyway is left out: a subclass may set an argument
        # of its parent itself. So is what every model takes, but one whose
        # constructor passes no `**kwargs` on.
        parameters = cls.__signature__.parameters
        model = cls(
            **{
                key: value
                for key, value in arguments.items()
                if not _is_default(value, parameters.get(key))
                and (key in parameters or key not in COMMON)
            }
        )
        if frozen:
            model.freeze_layers(frozen)
        return model

    def _seed_states(self):
        kept = {id(v) for v in [*self.weights, *self.metrics_variables]}
        return [v for v in self.variables if id(v) not in kept]

    # Keras saves weights alone. Training goes on exactly only if the state of
    # every seed generator, dropout's included, is saved as well.
    def save_own_variables(self, store):
        super().save_own_variables(store)
        for index, state in enumerate(self._seed_states()):
            store[f"seed_{index}"] = ops.convert_to_numpy(state)

    def load_own_variables(self, store):
        states = self._seed_states()
        keys = [key for key in store.keys() if key.startswith("seed_")]
        if len(keys) != len(states):
            raise ValueError(
                f"The file must hold {len(states)} seed generators, as "
                f"{type(self).__name__} {self.name!r} has. Received: "
                f"{len(keys)}. Load it into a model of the same configuration."
            )
        for index, state in enumerate(states):
            state.assign(store[f"seed_{index}"])
        super().load_own_variables(
            {key: store[key] for key in store.keys() if key not in keys}
        )


def _is_default(value, parameter):
    default = getattr(parameter, "default", inspect.Parameter.empty)
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return list(value) == list(default)
    plain = value is None or isinstance(value, bool | int | float | str | dict)
    return plain and value == default


def _signature(cls):
    """A class's own arguments, and its parent's behind `**kwargs`."""
    parent = next(
        (c for c in cls.__mro__[1:] if "__signature__" in vars(c)), Saveable
    )
    inherited = []
    if parent is not Saveable:
        inherited = list(parent.__signature__.parameters.values())
    own, kinds = [], {VAR_POSITIONAL, VAR_KEYWORD}
    if "__init__" in vars(cls):
        given = inspect.signature(vars(cls)["__init__"]).parameters.values()
        own = [p for p in list(given)[1:] if p.kind in (POSITIONAL, KEYWORD)]
        kinds = {p.kind for p in given}
    taken = {p.name for p in own} | set(vars(cls).get("fixed", {}))
    defaults = vars(cls).get("defaults", {})
    inherited = [
        p.replace(default=defaults.get(p.name, p.default))
        for p in inherited
        if p.name not in taken and VAR_KEYWORD in kinds
    ]
    if VAR_POSITIONAL in kinds:
        # The parent's come first, and its positional ones stay so.
        first, last = inherited, own
    else:
        first, last = own, inherited
    positional = [p for p in first if p.kind is POSITIONAL]
    rest = [p for p in first if p.kind is not POSITIONAL] + list(last)
    # What every model takes comes last.
    rest.sort(key=lambda p: p.name in COMMON)
    return inspect.Signature(
        [*positional, *(p.replace(kind=KEYWORD) for p in rest)]
    )


def _with_all_arguments(cls):
    """The constructor, given the class's defaults and what is fixed."""
    fixed = dict(vars(cls).get("fixed", {}))
    defaults = dict(vars(cls).get("defaults", {}))
    own = vars(cls).get("__init__")

    if own is None:

        def own(self, **kwargs):
            super(cls, self).__init__(**kwargs)

    def __init__(self, *args, **kwargs):
        given = cls.__signature__.bind(*args, **kwargs).arguments
        own(self, **{**fixed, **defaults, **given})

    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = inspect.Signature(
        [itself, *cls.__signature__.parameters.values()]
    )
    return __init__


def _check_shapes(arguments):
    """Shapes are tuples of integers; those of images have their channels."""
    for name, value in arguments.items():
        if not name.endswith("_shape") or value is None:
            continue
        received = f"Received: {name}={value!r}."
        if not isinstance(value, list | tuple) or not all(
            size is None or (isinstance(size, numbers.Integral) and size > 0)
            for size in value
        ):
            mend = "Pass the shape of one example, such as (28, 28, 1)."
            if isinstance(value, numbers.Integral):
                mend = f"Pass {name}=({value},)."
            raise ValueError(
                f"`{name}` must be a tuple of positive integers. {received} "
                f"{mend}"
            )
        if name == "image_shape" and len(value) != 3:
            mend = "Add the number of channels, 1 for gray images."
            raise ValueError(
                f"`{name}` must be (height, width, channels). {received} {mend}"
            )


def _refuse_unknown(cls, kwargs):
    known = list(cls.__signature__.parameters)
    for name, value in kwargs.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean `{close[0]}`?" if close else "Leave it out."
            raise TypeError(
                f"The arguments of {cls.__name__} must be among {known}. "
                f"Received: {name}={value!r}. {hint}"
            )
