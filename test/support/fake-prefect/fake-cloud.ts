/**
 * A Prefect Cloud for tests: several workspaces below one host, and what each key sees of them. The shape of `/me/workspaces` is that of
 * `Workspace` in https://github.com/PrefectHQ/prefect/blob/main/src/prefect/client/schemas/objects.py. Websockets are refused.
 */
import { anId } from "../builders.ts";
import { type FakePrefect, startFakePrefect } from "./fake-prefect.ts";

export interface FakeCloudOptions {
  /** Handles `account/workspace` that each key sees. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
}

export interface FakeCloud extends AsyncDisposable {
  /** `http://127.0.0.1:{port}/api`. */
  readonly url: string;
  /** By handle. */
  workspace(handle: string): FakePrefect;
  urlOf(handle: string): string;
  idOf(handle: string): string;
  /** Every request, `GET /api/me/workspaces`, with the key that it was sent with. */
  readonly requests: { readonly route: string; readonly key: string }[];
  /** The status of `/me/workspaces` from now on, instead of 200. */
  failList(status: number | null): void;
}

export async function startFakeCloud({ keys }: FakeCloudOptions): Promise<FakeCloud> {
  const handles = [...new Set(Object.values(keys).flat())];
  const accounts = new Map<string, string>();
  const workspaces = new Map<string, { account: string; id: string; fake: FakePrefect; path: string }>();
  for (const handle of handles) {
    const [accountHandle = ""] = handle.split("/");
    const account = accounts.get(accountHandle) ?? anId();
    accounts.set(accountHandle, account);
    const id = anId();
    const path = `/api/accounts/${account}/workspaces/${id}`;
    workspaces.set(handle, { account, id, path, fake: await startFakePrefect({ basePath: path }) });
  }
  const requests: { route: string; key: string }[] = [];
  let listStatus: number | null = null;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const key = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
      requests.push({ route: `${request.method} ${pathname}`, key });
      const seen = keys[key];
      if (seen === undefined) return Response.json({ detail: "Unauthorized" }, { status: 401 });
      if (pathname === "/api/me/workspaces") {
        if (listStatus !== null) return Response.json({ detail: "no" }, { status: listStatus });
        return Response.json(seen.map(listed));
      }
      const [, found] =
        [...workspaces].find(([handle, { path }]) => seen.includes(handle) && pathname.startsWith(path)) ?? [];
      if (!found) return Response.json({ detail: "Forbidden" }, { status: 403 });
      const headers = new Headers(request.headers);
      headers.delete("authorization");
      const body = request.method === "GET" ? null : await request.arrayBuffer();
      return fetch(`http://127.0.0.1:${found.fake.port}${pathname}${search}`, {
        method: request.method,
        headers,
        body,
      });
    },
  });
  const listed = (handle: string) => {
    const [accountHandle = "", workspaceHandle = ""] = handle.split("/");
    const { account, id } = of(handle);
    return {
      account_id: account,
      account_name: accountHandle.toUpperCase(),
      account_handle: accountHandle,
      workspace_id: id,
      workspace_name: workspaceHandle.toUpperCase(),
      workspace_description: "",
      workspace_handle: workspaceHandle,
    };
  };
  const of = (handle: string) => {
    const found = workspaces.get(handle);
    if (!found) throw new Error(`no workspace ${handle}`);
    return found;
  };
  const origin = `http://127.0.0.1:${server.port}`;
  return {
    url: `${origin}/api`,
    workspace: (handle) => of(handle).fake,
    urlOf: (handle) => `${origin}${of(handle).path}`,
    idOf: (handle) => of(handle).id,
    requests,
    failList: (status) => {
      listStatus = status;
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      await Promise.all([...workspaces.values()].map(({ fake }) => fake[Symbol.asyncDispose]()));
    },
  };
}
