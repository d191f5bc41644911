"""`oneprice import`: recordings of other tools into our format, or into lines."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("import")
@click.argument("places", nargs=-1, required=True, metavar="VENUE-MARKET=PATH...")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder for the files.")
@click.option("--symbols", default="", metavar="BASE/QUOTE,..", help="Names for symbols that cannot be told apart.")
@click.option("--lines", "as_lines", is_flag=True, help="Write lines of '<receive ns> <frame>' instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def import_(places: tuple[str, ...], folder: Path | None, symbols: str, as_lines: bool, as_json: bool) -> None:
    """Bring recordings into our format: lines of raw frames, tables of quotes, logs of opportunities.

    Frames stay as they are; nothing is corrected. With --lines the way back, for other tools.
    """
    import msgspec

    from oneprice.cli.places import recordings_dir
    from oneprice.cli.progress import ShareDone
    from oneprice.cli.recorded import open_all
    from oneprice.research.conversion import into_lines, into_ours
    from oneprice.research.names import parse_symbols

    convert = into_lines if as_lines else into_ours
    target = folder or recordings_dir()
    done = []
    notes: list[str] = []
    for source in open_all(places, parse_symbols(symbols)):
        with ShareDone(f"reading {source.path.name}") as progress:
            records, files = convert(source, target, progress)
        notes += source.notes
        names = [str(path) for path in files]
        listings = [str(listing.info.name) for listing in source.header.listings]
        told = {"market": source.header.name, "from": str(source.path), "records": records}
        done.append({**told, "files": names, "listings": listings})
        if not as_json:
            click.echo(f"{source.header.name}: {records:,} records from {source.path} into {', '.join(names)}")
    if as_json:
        click.echo(msgspec.json.encode({"imported": done, "notes": notes}).decode())
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
