"""The README's library example, run as it stands but for the venue's address."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_library_example_prints_a_book() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert 'find_market("gate-spot")' in example
    serve = [sys.executable, "-m", "oneprice", "sim", "serve", "gate", "--instruments", "BTC/USDT"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as exchange:
        try:
            assert exchange.stdout is not None
            url = json.loads(exchange.stdout.readline())["url"]
            hosts = f"Hosts({url!r}, {url.replace('http', 'ws', 1)!r})"
            code = "from oneprice.venues.kit import Hosts\n" + example.replace(
                'find_market("gate-spot")', f'find_market("gate-spot", {hosts})'
            )
            run = [sys.executable, "-c", code]
            result = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
        finally:
            exchange.terminate()
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("OrderBook(symbol=Symbol(base='BTC', quote='USDT'")
    assert result.stdout.count("BookLevel(") == 10
    assert result.stderr == ""
