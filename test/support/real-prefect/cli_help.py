"""Help pages of prefect commands: a JSON list of command paths on stdin, a JSON object of texts on stdout. One process for all."""
import contextlib
import io
import json
import os
import sys

os.environ["COLUMNS"] = "400"
os.environ["NO_COLOR"] = "1"

from prefect.cli import app  # noqa: E402

pages = {}
for path in json.load(sys.stdin):
    page = io.StringIO()
    sys.argv = ["prefect", *path.split(" "), "--help"]
    with contextlib.redirect_stdout(page), contextlib.redirect_stderr(page), contextlib.suppress(SystemExit):
        app()
    pages[path] = page.getvalue()
json.dump(pages, sys.stdout)
