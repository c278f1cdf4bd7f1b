// The last hour of a few figures, which the service keeps in memory.

import { answered, client } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { bytes } from "../parts/format";
import { line, rates } from "./figures";

const EVERY_MS = 10_000;
const WIDTH = 220;
const HEIGHT = 36;

export function Hour() {
  const history = useResource(() => answered(client.GET("/monitoring/history")), [], EVERY_MS);
  if (history.error) return <Failure error={history.error} retry={history.reload} />;
  const samples = history.value?.data ?? [];
  if (samples.length < 2) return <p class="quiet">The figures of the last hour are drawn here as they come.</p>;
  const times = samples.map((sample) => sample.at);
  const of = (name: "connections" | "waiting" | "kept_wal_bytes" | "commits") => samples.map((sample) => sample[name]);
  return (
    <div class="hour">
      <Figure title="Connections" values={of("connections")} />
      <Figure title="Waiting for locks" values={of("waiting")} />
      <Figure title="Commits a second" values={rates(of("commits"), times)} />
      <Figure title="WAL kept by slots" values={of("kept_wal_bytes")} text={bytes} />
    </div>
  );
}

interface Props {
  title: string;
  values: number[];
  text?: (value: number) => string;
}

function Figure({ title, values, text = (value) => value.toFixed(value < 10 && value % 1 !== 0 ? 1 : 0) }: Props) {
  const last = values.at(-1) ?? 0;
  return (
    <figure>
      <figcaption>
        {title} <strong>{text(last)}</strong> <span class="quiet">most {text(Math.max(...values))}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}, the last hour`}
      >
        <title>{title}, the last hour</title>
        <polyline points={line(values, WIDTH, HEIGHT)} />
      </svg>
    </figure>
  );
}
