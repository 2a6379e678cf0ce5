"""Exact conversion of image files to and from uint8 arrays, and image quality."""
