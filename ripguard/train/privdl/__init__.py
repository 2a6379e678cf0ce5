"""Networks that run on scrambled images (Perez, Lopez, Arguello, ICASSP 2024), and how they are trained and tested."""

from ripguard.train.privdl.conversion import convert, unscramble_output

__all__ = ["convert", "unscramble_output"]
