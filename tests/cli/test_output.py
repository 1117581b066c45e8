import pytest
from rich.console import Console
from rich.table import Table

from pintower.cli.output import stderr, stdout

TEXT = "my [bold]shop[/bold] :smile: [/x]"


@pytest.mark.parametrize("console", [stdout, stderr])
def test_texts_and_paths_are_printed_as_they_are(console: Console) -> None:
    table = Table(TEXT, title=TEXT)
    table.add_row(TEXT)
    with console.capture() as captured:
        console.print(TEXT)
        console.print(table)
    assert captured.get().count(TEXT) == 4
