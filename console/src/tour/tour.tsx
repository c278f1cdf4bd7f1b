// The guided tour: a panel beside the views, which goes with its user from one to the next.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { databaseMap, loadMap } from "../api/map";
import { mostClaimed } from "../home/most-claimed";
import { go } from "../routing";
import { stepsOf } from "./steps";
import "./tour.css";

/** The step that is shown; null: no tour is under way. */
const shown = signal<number | null>(null);

export async function startTour(): Promise<void> {
  await loadMap();
  turn(0);
}

function steps() {
  return stepsOf(databaseMap.value ? mostClaimed(databaseMap.value.relations) : null);
}

function turn(to: number): void {
  const step = steps()[to];
  if (!step) return;
  shown.value = to;
  go(step.url);
}

export function Tour() {
  return shown.value === null ? null : <Opened at={shown.value} />;
}

function Opened({ at }: { at: number }) {
  const all = steps();
  const step = all[at];
  const heading = useRef<HTMLHeadingElement>(null);
  // Whoever reads by ear hears the new step; the view itself has no word of it.
  useEffect(() => heading.current?.focus(), [at]);
  if (!step) return null;
  const end = () => {
    shown.value = null;
    document.getElementById("view")?.focus();
  };
  return (
    <aside
      class="tour"
      aria-label="Tour"
      onKeyDown={(event) => {
        if (event.key === "Escape") end();
      }}
    >
      <p class="quiet">
        Step {at + 1} of {all.length}
      </p>
      <h2 ref={heading} tabIndex={-1}>
        {step.title}
      </h2>
      <p>{step.text}</p>
      <div class="row">
        <button type="button" disabled={at === 0} onClick={() => turn(at - 1)}>
          Back
        </button>
        {at + 1 < all.length && (
          <button type="button" class="main" onClick={() => turn(at + 1)}>
            Next
          </button>
        )}
        <button type="button" onClick={end}>
          End the tour
        </button>
      </div>
    </aside>
  );
}
