"""A package, so that its tests may have names that tests of other parts have too."""
