"""Records of calls: what one is, where they are kept, and how they are looked at."""
