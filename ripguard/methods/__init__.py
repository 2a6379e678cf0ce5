"""The interface of all methods: parameters, registries, and fitted state."""
