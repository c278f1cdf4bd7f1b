// Says why something is not shown, and what to do.

import type { ApiError } from "../api/client";

export function Failure({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div class="failure" role="alert">
      {error.status === 403 && <p>Your user may not see this:</p>}
      {error.faults.map((fault) => (
        <p key={fault.message + fault.pointer}>
          {fault.message}
          {fault.pointer && fault.pointer !== "#" && <code> {fault.pointer}</code>}
        </p>
      ))}
      {retry && error.status !== 403 && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
