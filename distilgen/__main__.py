"""``python -m distilgen``."""

from distilgen.cli import main

if __name__ == "__main__":
    main()
