// What a view shows and has to be asked for: it is loading, there, or refused.

import { useEffect, useState } from "preact/hooks";
import { ApiError, session } from "./client";

export interface Resource<T> {
  value: T | undefined;
  error: ApiError | null;
  loading: boolean;
  reload: () => void;
}

/**
 * Loads when the view appears and whenever a key changes; the last value stays visible meanwhile. everyMs: loads again so
 * long after each answer.
 */
export function useResource<T>(
  load: () => Promise<T>,
  keys: readonly unknown[] = [],
  everyMs: number | null = null,
): Resource<T> {
  const [state, setState] = useState<{ value: T | undefined; error: ApiError | null; loading: boolean }>({
    value: undefined,
    error: null,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    let timer = 0;
    setState((before) => ({ ...before, loading: true }));
    load()
      .then(
        (value) => current && setState({ value, error: null, loading: false }),
        (error: unknown) => current && setState((before) => ({ ...before, error: asApiError(error), loading: false })),
      )
      .finally(() => {
        if (current && everyMs !== null) timer = window.setTimeout(() => setTurn((before) => before + 1), everyMs);
      });
    return () => {
      current = false;
      clearTimeout(timer);
    };
    // A login gives back what a session's end has taken.
  }, [...keys, turn, everyMs, session.value?.csrfToken]);
  return { ...state, reload: () => setTurn((before) => before + 1) };
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, [{ message: error instanceof Error ? error.message : String(error), pointer: null }]);
}
