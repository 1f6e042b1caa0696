"""Feature extractors: networks that turn images into features and logits."""
