"""`python -m chatlogs` is the command line."""

from chatlogs.cli import main

if __name__ == "__main__":
    main()
