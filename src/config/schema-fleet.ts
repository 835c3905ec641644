/** Settings of `serve --http` as a node of a fleet. */
import { ownSetting } from "./setting.ts";
import { text } from "./value-types.ts";

export const fleetSettings = {
  PREFECT_MCP_FLEET_URL: ownSetting(text, null, {
    type: "URL",
    toml: "mcp.fleet.url",
    isSecret: true,
    description:
      "PostgreSQL database in which the nodes of a fleet agree who owns which tenant. Without it, `serve --http` is on its own.",
  }),
  PREFECT_MCP_FLEET_NODE: ownSetting(text, null, {
    type: "text",
    toml: "mcp.fleet.node",
    defaultText: "the host name",
    description: "Name of this node: unique in the fleet, the same after a restart.",
  }),
  PREFECT_MCP_FLEET_ADDRESS: ownSetting(text, null, {
    type: "URL",
    toml: "mcp.fleet.address",
    defaultText: "the address that it listens on",
    description: "Where the other nodes reach this one, for example `http://10.0.0.5:4201`.",
  }),
  PREFECT_MCP_FLEET_SECRET: ownSetting(text, null, {
    type: "secret",
    toml: "mcp.fleet.secret",
    isSecret: true,
    description: "At least 32 characters, the same on all nodes: signs requests between them, and hides tenants' keys.",
  }),
  PREFECT_MCP_FLEET_REPLICA: ownSetting(text, null, {
    type: "URL",
    toml: "mcp.fleet.replica",
    isSecret: true,
    description:
      "Where Litestream replicates the records, for example `s3://bucket/fleet` or `file:///mnt/fleet`. Without it a new owner reads the history from Prefect again.",
  }),
};
