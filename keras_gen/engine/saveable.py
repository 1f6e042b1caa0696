"""Saving: a model's arguments, and the state that Keras leaves out."""

import inspect

import keras
from keras import ops


class Saveable:
    """Keeps the constructor's arguments; saves the seed generators.

    A model built from the arguments is the same model: layers among them,
    such as a user's own networks, are saved as their configurations.
    """

    def __new__(cls, *args, **kwargs):
        instance = super().__new__(cls, *args, **kwargs)
        signature = inspect.signature(cls.__init__)
        bound = signature.bind(instance, *args, **kwargs)
        bound.apply_defaults()
        arguments = {}
        for name, value in list(bound.arguments.items())[1:]:
            kind = signature.parameters[name].kind
            variadic = kind is inspect.Parameter.VAR_KEYWORD
            arguments.update(value if variadic else {name: value})
        # Past Keras' tracking: these are arguments, not parts of the model.
        object.__setattr__(instance, "_arguments", arguments)
        return instance

    def get_config(self):
        config = {
            key: keras.saving.serialize_keras_object(value)
            for key, value in self._arguments.items()
        }
        base = super(keras.Model, self).get_config()
        return {"name": self.name, "dtype": base["dtype"], **config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(
            **{
                key: keras.saving.deserialize_keras_object(
                    value, custom_objects=custom_objects
                )
                for key, value in config.items()
            }
        )

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
                f"{type(self).__name__} {self.name!r} has {len(states)} seed "
                f"generators, the file has {len(keys)}. It was saved from a "
                "model of another configuration."
            )
        for index, state in enumerate(states):
            state.assign(store[f"seed_{index}"])
        super().load_own_variables(
            {key: store[key] for key in store.keys() if key not in keys}
        )
