"""Lists the tools of the servers in a configuration and calls one: python fastmcp-call.py FILE TOOL"""

import asyncio
import json
import sys

from fastmcp import Client


async def main(path: str, tool: str) -> None:
    with open(path) as file:
        servers = json.load(file)["mcpServers"]
    async with Client({"mcpServers": servers}) as client:
        print(f"{len(await client.list_tools())} tools")
        result = await client.call_tool(tool, {})
        print(result.content[0].text)


asyncio.run(main(*sys.argv[1:]))
