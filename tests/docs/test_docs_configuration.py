"""docs/configuration.md says what the options are."""

import importlib.util
from pathlib import Path

from ossfs.config import OPTIONS, resolve

ROOT = Path(__file__).parent.parent.parent


def written():
    """Load the program that writes the page."""
    spec = importlib.util.spec_from_file_location(
        "configuration_docs", ROOT / "scripts" / "configuration_docs.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_options_say():
    """Run scripts/configuration_docs.py after changing an option."""
    assert written().page() == (ROOT / "docs" / "configuration.md").read_text()


def test_every_option_has_a_row_and_a_meaning():
    """The page is complete, and no meaning is empty."""
    page = written().page()

    for named in OPTIONS.values():
        assert f"| `{named.name}` |" in page
        assert named.option.doc.endswith(".")


def test_the_example_file_can_be_used(tmp_path):
    """The TOML on the page resolves."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    example = text.partition("```toml\n")[2].partition("```")[0]
    file = tmp_path / "example.toml"
    file.write_text(example)

    config = resolve("oss://photos", file=file)

    assert 16 << 20 == config.writeback.part_size
    assert "https://oss-cn-hangzhou.aliyuncs.com" == config.store.endpoint
