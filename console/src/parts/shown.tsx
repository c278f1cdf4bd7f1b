// What a resource holds, or why it is not there.

import type { ComponentChildren } from "preact";
import type { Resource } from "../api/resource";
import { Failure } from "./failure";

interface Props<T> {
  of: Resource<T>;
  /** What is said until the first answer. */
  waiting?: string;
  children: (value: T) => ComponentChildren;
}

export function Shown<T>({ of, waiting = "Loading…", children }: Props<T>) {
  if (of.error) return <Failure error={of.error} retry={of.reload} />;
  if (of.value === undefined) return <p class="quiet">{waiting}</p>;
  return <>{children(of.value)}</>;
}
