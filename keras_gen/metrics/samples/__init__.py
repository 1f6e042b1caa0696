"""Metrics of samples: distances to real data, diversity, likelihood."""
