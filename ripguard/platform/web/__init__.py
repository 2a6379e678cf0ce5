"""The web page of the platform: rendered by the server, for people; programs use the routes below ``/v1``."""
