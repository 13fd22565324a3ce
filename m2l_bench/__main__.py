"""`python -m m2l_bench` is `m2l-bench`."""

from m2l_bench.cli import main

if __name__ == "__main__":
    main()
