"""What owners deposit: the metadata of a release, and its wrapped key. Protected images stay with their users."""
