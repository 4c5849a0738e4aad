"""`python -m bridge` is the same as the `threadline` command."""

from bridge.cli import main

if __name__ == "__main__":
    main()
