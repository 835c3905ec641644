"""Parses commands with the parser of Prefect's CLI, without running them: JSON texts on stdin, the refused ones with the reason on stdout."""
import json, sys, shlex
from prefect.cli._app import _app
bad = []
for text in json.load(sys.stdin):
    tokens = shlex.split(text)[1:]
    try:
        _app.parse_args(tokens, exit_on_error=False, print_error=False)
    except BaseException as error:
        bad.append([text, f"{type(error).__name__}: {error}"])
print(json.dumps(bad))
