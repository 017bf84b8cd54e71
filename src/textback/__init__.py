"""textback: how much of a text can be read back from its embedding?"""

__version__ = "0.1.0"
