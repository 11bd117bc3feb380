"""Is a training file such as its host and its contract want it? What is not, by line and path."""
