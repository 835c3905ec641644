/** The credential for a Prefect API. */
export type PrefectAuth =
  | { readonly kind: "none" }
  /** `PREFECT_API_KEY`, sent as `Authorization: Bearer`. */
  | { readonly kind: "key"; readonly key: string }
  /** `PREFECT_API_AUTH_STRING` (`user:password`), sent as `Authorization: Basic`; as it is on websockets. */
  | { readonly kind: "basic"; readonly authString: string };
