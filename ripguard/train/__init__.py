"""Train victims: models, protocols and one plain loop for all of them."""
