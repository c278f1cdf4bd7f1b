// What a view shows and has to be asked for: it is loading, there, or refused.

import { useEffect, useState } from "preact/hooks";
import { ApiError, session } from "./client";

export interface Resource<T> {
  value: T | undefined;
  error: ApiError | null;
  loading: boolean;
  reload: () => void;
}

/** Loads when the view appears and whenever a key changes; the last value stays visible meanwhile. */
export function useResource<T>(load: () => Promise<T>, keys: readonly unknown[] = []): Resource<T> {
  const [state, setState] = useState<{ value: T | undefined; error: ApiError | null; loading: boolean }>({
    value: undefined,
    error: null,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    setState((before) => ({ ...before, loading: true }));
    load().then(
      (value) => current && setState({ value, error: null, loading: false }),
      (error: unknown) => current && setState((before) => ({ ...before, error: asApiError(error), loading: false })),
    );
    return () => {
      current = false;
    };
    // A login gives back what a session's end has taken.
  }, [...keys, turn, session.value?.csrfToken]);
  return { ...state, reload: () => setTurn((before) => before + 1) };
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, [{ message: error instanceof Error ? error.message : String(error), pointer: null }]);
}
