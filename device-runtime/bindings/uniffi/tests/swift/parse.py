"""Parses Swift files, and the Swift of Markdown pages; prints each place that is no Swift."""

import pathlib
import sys

import tree_sitter
import tree_sitter_swift

parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_swift.language()))


def faults(node):
    """The smallest nodes that could not be parsed."""
    if node.is_missing or (node.is_error and not any(child.has_error for child in node.children)):
        yield node
    for child in node.children:
        if child.has_error or child.is_missing:
            yield from faults(child)


def texts(path):
    text = path.read_text()
    if path.suffix != ".md":
        return [text]
    return [rest.split("```\n")[0] for rest in text.split("```swift\n")[1:]]


count = wrong = 0
for name in sys.argv[1:]:
    for text in texts(pathlib.Path(name)):
        count += 1
        for node in faults(parser.parse(text.encode()).root_node):
            wrong += 1
            print(f"{name}: line {node.start_point[0] + 1}: {text.splitlines()[node.start_point[0]].strip()}")
print(f"{count} parsed, {wrong} faults")
sys.exit(1 if wrong or not count else 0)
