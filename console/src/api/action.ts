// What a user does that the service may refuse: one at a time, with its refusal.

import { useState } from "preact/hooks";
import type { ApiError } from "./client";
import { asApiError } from "./resource";

export interface Action {
  busy: boolean;
  error: ApiError | null;
  /** Runs it, unless another one is under way; whether it has succeeded. */
  run: (action: () => Promise<unknown>) => Promise<boolean>;
}

export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  async function run(action: () => Promise<unknown>): Promise<boolean> {
    if (busy) return false;
    setBusy(true);
    setError(null);
    try {
      await action();
      return true;
    } catch (problem) {
      setError(asApiError(problem));
      return false;
    } finally {
      setBusy(false);
    }
  }
  return { busy, error, run };
}
