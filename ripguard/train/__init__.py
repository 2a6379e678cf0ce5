"""Training of victims: models, protocols, and one training loop."""
