"""The seam that every method enters by: parameters, a registry, and what is found in the training images."""
