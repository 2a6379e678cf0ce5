"""`ripguard audit`: the owner attacks the owner's own release. One file per part of the work."""
