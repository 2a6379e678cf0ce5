"""The platform over HTTP: an ASGI application. One file a group of routes."""
