"""Keys, ciphers and signatures, over maintained libraries."""
