// Speaks with the management API as the session of the cookie; what the console does, a script can do.

import { signal } from "@preact/signals";
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Session = Schemas["ConsoleSession"];

/** The session: undefined until the first answer, null without one. */
export const session = signal<Session | null | undefined>(undefined);
/** Whether a session has ended while its user was at work: the login is then asked for above the view. */
export const expired = signal(false);

/** A refusal of the API, or a failure on the way to it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly faults: readonly Fault[],
    readonly retryAfterS: number | null = null,
  ) {
    super(faults.map((fault) => fault.message).join("\n"));
  }
}

export interface Fault {
  message: string;
  /** The JSON pointer of the place within what was submitted. */
  pointer: string | null;
}

const authenticated: Middleware = {
  onRequest({ request }) {
    if (session.value && request.method !== "GET") request.headers.set("X-CSRF-Token", session.value.csrfToken);
    return request;
  },
  onResponse({ response, request }) {
    if (response.status === 401 && session.value && !request.url.endsWith("/session")) expired.value = true;
  },
  onError() {
    return new ApiError(0, [{ message: "The management service does not answer.", pointer: null }]);
  },
};

export const client = createClient<paths>({ baseUrl: "/api/v1" });
client.use(authenticated);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns the answer's body, or throws its refusal. */
export async function answered<T>(sent: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await sent;
  if (!response.ok) throw refusal(response, error);
  return data as T;
}

function refusal(response: Response, body: unknown): ApiError {
  const retry = Number(response.headers.get("retry-after"));
  return new ApiError(
    response.status,
    faultsOf(body, response.status),
    Number.isFinite(retry) && retry > 0 ? retry : null,
  );
}

/** Reads `errors` of a refusal, in each of its forms. */
export function faultsOf(body: unknown, status: number): Fault[] {
  const errors = (body as { errors?: Record<string, unknown> } | null)?.errors;
  if (Array.isArray(errors?.claims)) {
    return errors.claims.map((claim: { message: string }) => ({ message: claim.message, pointer: null }));
  }
  if (Array.isArray(errors?.detail)) {
    return errors.detail.map(([message, pointer]: [string, string]) => ({ message, pointer }));
  }
  const said = errors?.reason ?? errors?.detail ?? `The service answers ${status}.`;
  return [{ message: String(said), pointer: null }];
}

export async function findSession(): Promise<void> {
  const { data, response } = await client.GET("/session");
  if (!response.ok && response.status !== 401) throw refusal(response, null);
  session.value = data?.data ?? null;
}

export async function logIn(username: string, password: string): Promise<void> {
  const { data } = await answered(client.POST("/session", { body: { data: { username, password } } }));
  session.value = data;
  expired.value = false;
}

export async function logOut(): Promise<void> {
  await client.DELETE("/session");
  location.assign("/console/");
}
