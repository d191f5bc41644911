"""`python -m oneprice` is the `oneprice` command."""

from oneprice.cli.main import main

if __name__ == "__main__":
    main(prog_name="oneprice")
