"""``python -m pypisync``: the command line without its console script."""

from pypisync.cli import main

if __name__ == "__main__":
    main()
