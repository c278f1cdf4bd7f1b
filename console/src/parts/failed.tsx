// The error of the database that ended a trial, with what to do.

import type { Schemas } from "../api/client";

export function Failed({ error }: { error: Schemas["Failed"] }) {
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{error.code}</strong> {error.message}
      </p>
      {error.detail && <p>{error.detail}</p>}
      {error.code === "42501" && (
        <p>It ran as the login that migrations use. In a session of your own, be the role that may do it.</p>
      )}
      {error.hint && <p>What to do: {error.hint}</p>}
    </div>
  );
}
