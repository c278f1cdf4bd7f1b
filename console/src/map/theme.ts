// The colours of the styles, for a canvas, which does not know variables of CSS.

import { useEffect, useState } from "preact/hooks";
import { theme as preferred } from "../shell/preferences";
import type { Theme } from "./draw";

export interface Themed {
  name: "light" | "dark";
  colours: Theme;
}

const VARIABLES: Record<Exclude<keyof Theme, "edge">, string> = {
  ground: "--ground",
  raised: "--raised",
  sunken: "--sunken",
  line: "--line",
  ink: "--ink",
  quiet: "--quiet",
  accent: "--accent",
  bad: "--bad",
  badGround: "--bad-ground",
};

const DARK = "(prefers-color-scheme: dark)";

function read(): Themed {
  const name = preferred.value === "system" ? (matchMedia(DARK).matches ? "dark" : "light") : preferred.value;
  // A variable is text until a property uses it.
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.colorScheme = name;
  const colours = Object.fromEntries(
    Object.entries(VARIABLES).map(([key, variable]) => {
      probe.style.color = `var(${variable})`;
      return [key, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
  const read = colours as unknown as Omit<Theme, "edge">;
  return { name, colours: { ...read, edge: between(read.ground, read.quiet) } };
}

/** The colour in the middle of two, as each program that reads SVG understands it. */
export function between(one: string, other: string): string {
  const [a, b] = [one, other].map((colour) => (colour.match(/[\d.]+/g) ?? []).map(Number));
  const part = (index: number) => Math.round(((a?.[index] ?? 0) + (b?.[index] ?? 0)) / 2);
  return `rgb(${part(0)}, ${part(1)}, ${part(2)})`;
}

/** The present theme; a change of the system's or the console's setting gives another. */
export function useTheme(): Themed {
  const [themed, setThemed] = useState(read);
  useEffect(() => {
    const again = () => setThemed(read());
    const system = matchMedia(DARK);
    system.addEventListener("change", again);
    const unsubscribe = preferred.subscribe(again);
    return () => {
      system.removeEventListener("change", again);
      unsubscribe();
    };
  }, []);
  return themed;
}
