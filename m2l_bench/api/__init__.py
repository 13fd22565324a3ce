"""The functions of `import m2l_bench`, which the command line calls as well. One file per function."""
