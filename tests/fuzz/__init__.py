"""Random programs, hostile inputs, damaged files and crowded processes, held against a reference.

`python -m tests.fuzz numpy --minutes 60 --seed 7` runs one part long; `test_fuzz.py` runs each part
for as long as a pull request can wait. What a part does with a seed is a pure function of the part
and the seed, and `--only SEED` does it again.

The reference here is a second one: 80-bit arithmetic on whole arrays, written without a look at
`tests/oracle.py`, which computes number by number in 60 digits. Neither imports anything of ours.
"""
