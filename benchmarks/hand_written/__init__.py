"""Training loops as an expert writes them by hand, without Keras.

Each module offers `LOOPS`, a dictionary from a model's name to a class:

- `Loop(weights, sizes, jit_compile)` takes the initial weights as NumPy
  arrays, by network, in the order and layout of Keras;
- `loop.update(x, noise)` is one step on the given noise and returns its
  losses;
- `loop.train(batches)` is one epoch and returns the mean losses, once the
  device has finished.
"""
