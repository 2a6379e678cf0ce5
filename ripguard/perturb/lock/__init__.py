"""Class-wise invertible transforms whose loss a model minimizes: Learnability Lock (Peng, Chen, ICLR 2022)."""
