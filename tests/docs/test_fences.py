"""Blocks of a page as steps, and the comparison of their output."""

from tests.mesh.fences import is_shown, steps

PAGE = """
```shell
echo one
```

```text
one
```

<!-- not run: docker -->
```shell
docker run
```

```python title="program.py"
print("two")
```

```console
$ python program.py
two
$ echo three
three
```

```json
{}
```
"""


def test_blocks_become_steps_with_their_output() -> None:
    found = steps(PAGE)

    assert [step.output for step in found] == ["one\n", None, "two\n", "three\n"]
    assert found[1].script.startswith("cat > program.py")
    assert not any("docker" in step.script for step in found)


def test_output_is_compared_but_for_what_is_left_out() -> None:
    assert is_shown('{\n  "score": 0.9...\n}', '{"score":0.97}')
    assert not is_shown('{\n  "score": 0.9...\n}', '{"score":0.87}')
    assert is_shown("2 items, ...", "2 items, 0 failed\n")


def test_error_where_a_page_shows_no_output_is_noticed() -> None:
    assert not is_shown(None, '{"error": {"code": "unauthorized"}}')
