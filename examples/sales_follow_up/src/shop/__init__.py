"""A shop that follows up on its sales calls."""
