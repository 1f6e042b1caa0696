"""Architectures that more than one model builds, as functions."""
