"""`python -m shop [FOLDER]`: an email for every transcript of a folder."""

import sys
from pathlib import Path

from shop.mail import complex_chain


def main(folder: Path) -> None:
    """Print the subject of each email."""
    for path in sorted(folder.glob("*.txt")):
        email = complex_chain(path.read_text("utf-8"))
        print(f"{path.name}: to {email.to}: {email.subject} ({len(email.body)} characters)")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "transcripts"))
