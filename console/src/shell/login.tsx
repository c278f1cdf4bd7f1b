// Asks for the name and password of a user of the management API.

import { useEffect, useRef } from "preact/hooks";
import { useAction } from "../api/action";
import { type ApiError, logIn, session } from "../api/client";

/** again: the session has ended, and the view stays where it is. */
export function Login({ again = false }: { again?: boolean }) {
  const { busy, error, run } = useAction();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (again) dialog.current?.showModal();
  }, []);

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    void run(() => logIn(String(given.get("username")), String(given.get("password"))));
  }

  const form = (
    <form class="login" onSubmit={submit}>
      <h1>{again ? "Your session has ended" : "IntegrateDB"}</h1>
      <p class="quiet">
        {again ? "Log in to go on where you were." : "Several applications share one Postgres database, safely."}
      </p>
      <label>
        User
        <input
          name="username"
          autocomplete="username"
          required
          autofocus
          defaultValue={session.value?.username ?? ""}
        />
      </label>
      <label>
        Password
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      {error && (
        <p class="bad" role="alert">
          {explained(error)}
        </p>
      )}
      <button type="submit" class="main" disabled={busy}>
        {busy ? "Logging in…" : "Log in"}
      </button>
      {!again && (
        <p class="quiet">
          These are users of the <a href="/api/v1/docs">management API</a>. <code>integratedb start</code> prints the
          first one.
        </p>
      )}
    </form>
  );
  if (!again) return <main class="alone">{form}</main>;
  return (
    <dialog ref={dialog} class="over" onCancel={(event) => event.preventDefault()}>
      {form}
    </dialog>
  );
}

function explained(error: ApiError): string {
  if (error.status === 403) return "This user and password do not go together.";
  if (error.status === 429) return `Too many guesses. Try again in ${error.retryAfterS ?? 60} seconds.`;
  if (error.status === 422) return "A user's name has only letters, digits and . _ @ + -";
  return error.message;
}
