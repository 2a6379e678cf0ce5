"""The audit log: who restored, granted, revoked or changed what, and when."""
