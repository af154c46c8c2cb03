"""Splits the Palmer penguins table into examples and queries: every fourth row is asked about.

    pip download --no-deps palmerpenguins==0.1.6
    python3 examples/split_penguins.py palmerpenguins-0.1.6-py3-none-any.whl examples

Cells are copied as they are, missing ones (NA) included.
"""
import sys
import zipfile

wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    lines = archive.read("palmerpenguins/data/penguins.csv").decode("utf-8").splitlines()

header, rows = lines[0], [line for line in lines[1:] if line]
parts = {
    "penguins_examples.csv": [row for i, row in enumerate(rows) if i % 4 != 3],
    "penguins_queries.csv": [row for i, row in enumerate(rows) if i % 4 == 3],
}
for name, part in parts.items():
    with open(f"{folder}/{name}", "w", encoding="utf-8", newline="\n") as out:
        out.write("\n".join([header, *part]) + "\n")
    print(f"{name}: {len(part)} rows")
