// What the map marks red. A view that knows what a migration would take away sets it, and leads to the map.

import { signal } from "@preact/signals";
import type { Mark } from "./draw";

/** By the path of the table. */
export const marks = signal<ReadonlyMap<string, Mark>>(new Map());
