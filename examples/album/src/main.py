"""`python src/main.py`: an album for each film of films.txt."""

from pathlib import Path

from album import make_album


def main() -> None:
    """Print the albums, a line each."""
    for film in Path("films.txt").read_text("utf-8").splitlines():
        album = make_album(film)
        minutes, seconds = divmod(sum(song.length_seconds for song in album.songs), 60)
        print(
            f"{film}: {album.name} by {album.artist}, {len(album.songs)} songs, "
            f"{minutes}:{seconds:02}"
        )


if __name__ == "__main__":
    main()
