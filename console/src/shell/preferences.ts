// What this browser remembers of its user: the theme and the education mode. No secret is ever kept here.

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`integratedb.${name}`);
  } catch {
    return null; // the browser keeps nothing
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`integratedb.${name}`, value);
  } catch {
    // the browser keeps nothing
  }
}

const theme0 = remembered("theme");
export const theme = signal<Theme>(theme0 === "light" || theme0 === "dark" ? theme0 : "system");
/** Education mode: beside each action, the SQL, HTTP and command line that do the same. */
export const teaching = signal(remembered("teaching") === "yes");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  remember("theme", theme.value);
});
effect(() => remember("teaching", teaching.value ? "yes" : "no"));
