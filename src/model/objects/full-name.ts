/**
 * `flow/deployment` or `pool/queue`, as Prefect's CLI takes them: names of deployments and queues are unique within their flow or pool
 * only. `parent` is null where it is not known, or where there is none.
 */
export function fullName(parent: string | null | undefined, name: string): string {
  return parent ? `${parent}/${name}` : name;
}
