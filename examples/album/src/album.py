"""A function that nobody has written: its signature and its docstring say what a model answers."""

from pydantic import BaseModel, Field


class Song(BaseModel):
    """A song on an album."""

    title: str
    length_seconds: int = Field(gt=0)


class Album(BaseModel):
    """An album of an artist."""

    name: str
    artist: str
    songs: list[Song] = Field(min_length=1)


def make_album(movie_name: str) -> Album:
    """Generate an example album, with an artist and a list of songs.

    The movie is the inspiration: for the name of the album, and for what each song is about.
    """
