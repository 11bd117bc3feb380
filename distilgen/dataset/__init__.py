"""Records to training files."""
