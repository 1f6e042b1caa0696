"""Disentanglement metrics, for data with known factors of variation."""
