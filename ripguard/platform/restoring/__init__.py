"""Restore images that a stranger uploads: the upload in parts, a confined process for each decoder, the download.

``upload`` finds the members of an upload, ``pool`` restores them in worker processes, ``download`` streams the results
back, and ``checker`` reads such a download.
"""
