"""The Dataset Management Cloud Platform: the server that holds keys and restores for authorised users."""
