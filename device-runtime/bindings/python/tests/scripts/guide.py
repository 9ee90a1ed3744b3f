"""Runs all Python of a Markdown page, in its order, as one program."""

import pathlib
import sys

page = pathlib.Path(sys.argv[1]).read_text()
blocks = [rest.split("```\n")[0] for rest in page.split("```python\n")[1:]]
assert len(blocks) > 5, "the page has too little Python"
space = {"__name__": "guide"}
for number, block in enumerate(blocks):
    exec(compile(block, f"block {number + 1} of {sys.argv[1]}", "exec"), space)
print(len(blocks), "blocks ran")
