"""A run of TRL: its folder, what is trained on, and the process that trains."""
