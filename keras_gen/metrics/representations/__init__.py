"""What representations hold: clusters, classes, principal components."""
