"""A post office: every kind of function that distilgen can rewrite, and each that it leaves alone."""
