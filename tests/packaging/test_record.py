"""What a page says was printed is what its code prints."""

import importlib.util
import re

import pytest

PAGE = """# Page

```python
a = 20
```

```text
kept: no block before it prints
```

```python
print(a + 1, "  ")
print("\\\\1")
```

```text
stale
and longer
```

Between.

```python
print(a * 2)
```

```sh
print(a)
```
"""


@pytest.fixture(scope="module")
def record(root):
    spec = importlib.util.spec_from_file_location("record", root / "docs/record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.record


def test_what_is_printed_comes_after_its_block(record):
    found = record(PAGE, "page.md")
    assert "stale" not in found
    assert '```python\nprint(a + 1, "  ")\nprint("\\\\1")\n```\n\n```text\n21\n\\1\n```\n\nBetween.' in found
    assert "```python\nprint(a * 2)\n```\n\n```text\n40\n```\n\n```sh\nprint(a)\n```\n" in found
    # What a block that prints nothing is said to have printed goes.
    assert "kept" not in found
    assert record(found, "page.md") == found


def test_an_error_names_the_line_of_the_page(record):
    with pytest.raises(ZeroDivisionError) as caught:
        record(PAGE.replace("print(a * 2)", "1 / 0"), "page.md")
    last = caught.traceback[-1]
    assert (str(last.path).rsplit("/", 1)[-1], last.lineno + 1) == (
        "page.md",
        PAGE[: PAGE.index("print(a * 2)")].count("\n") + 1,
    )


@pytest.mark.parametrize("page", ["tutorials/emoji.md"])
def test_pages_whose_data_a_build_has_not_are_recorded(root, page):
    text = (root / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n(\n```text\n.+?\n```\n)?", text, re.DOTALL)
    assert blocks
    for code, printed in blocks:
        compile(code, page, "exec")
        assert printed or "print(" not in code
