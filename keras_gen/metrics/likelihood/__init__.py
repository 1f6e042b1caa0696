"""Likelihood bounds of variational models, and their decomposition."""
