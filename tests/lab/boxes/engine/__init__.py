"""The machine that carries boxes out."""
