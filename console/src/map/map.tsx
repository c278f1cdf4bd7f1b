// The map: from the schemas to the columns by one zoom, and beside it the chosen table with who depends on it.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type DatabaseMap, databaseMap, type ForeignKey, loadMap, mapError } from "../api/map";
import { asApiError } from "../api/resource";
import { Failure } from "../parts/failure";
import { Same } from "../parts/same";
import { change, go, link, place } from "../routing";
import { type Controls, MapCanvas } from "./canvas";
import { COLOURINGS, type Colouring, type Scale, scaleOf } from "./colours";
import type { Look, Statistic } from "./draw";
import { dbml, download, markdown, png, svg } from "./export";
import { JoinPath } from "./joins";
import { type Layout, overview, type Rectangle } from "./layout";
import { Swatch, TableList } from "./list";
import "./map.css";
import { marks } from "./marks";
import { type Graph, graphOf, joinPath, neighbourhood } from "./model";
import { Panel } from "./panel";
import { addressOf, type MapPlace, readPlace } from "./place";
import { forgetStatistics, loadStatistics, statistics } from "./statistics";
import { useTheme } from "./theme";

export default function DatabaseMapView() {
  useEffect(() => void loadMap(), []);
  const again = () => {
    forgetStatistics();
    void loadMap({ again: true });
  };
  if (databaseMap.value === null) {
    return (
      <section class="map-wait">
        <h1>Map</h1>
        {mapError.value ? (
          <Failure error={mapError.value} retry={again} />
        ) : (
          <p role="status">
            Reading the catalog… <progress aria-label="Reading the catalog" />
          </p>
        )}
      </section>
    );
  }
  if (databaseMap.value.relations.length === 0) return <Empty again={again} />;
  return <Filled map={databaseMap.value} again={again} />;
}

function Empty({ again }: { again: () => void }) {
  return (
    <section class="map-wait empty">
      <h1>Map</h1>
      <p>This database has no table that you may see. Create one, and the map shows it:</p>
      <pre>CREATE TABLE public.customers (id bigint PRIMARY KEY, name text NOT NULL);</pre>
      <p class="row">
        <button type="button" class="main" onClick={again}>
          Look again
        </button>
        <a href={link("learn")}>Read how to begin</a>
      </p>
    </section>
  );
}

/** More tables than these are not laid out in layers: nobody could read them. */
const MOST = 120;
/** At most so many tables of a view load their statistics by themselves. */
const MOST_STATISTICS = 12;

interface Wanted {
  paths: string[];
  left: number;
  chosen: string;
  /** Those of a join path. */
  keys: ForeignKey[];
}

/** The tables that are laid out in layers; null: all tables are shown. */
function wantedOf(graph: Graph, at: MapPlace): Wanted | null {
  if (at.from && at.to) {
    const steps = joinPath(graph, at.from, at.to);
    if (steps === null) return null;
    return {
      paths: [at.from, ...steps.map((step) => step.to)],
      left: 0,
      chosen: at.table ?? at.from,
      keys: steps.map((step) => step.key),
    };
  }
  if (at.depth === null || at.table === null || !graph.tables.has(at.table)) return null;
  return { ...neighbourhood(graph, at.table, at.depth, MOST), chosen: at.table, keys: [] };
}

type Pane = "list" | "canvas" | "panel";

function Filled({ map, again }: { map: DatabaseMap; again: () => void }) {
  const at = readPlace(place.value.query);
  const graph = useMemo(() => graphOf(map), [map]);
  const whole = useMemo(() => overview(graph), [graph]);
  const wanted = useMemo(() => wantedOf(graph, at), [graph, at.table, at.depth, at.from, at.to]);
  const layers = useLayers(graph, wanted);
  const layout = wanted && layers.layout ? layers.layout : whole;
  const theme = useTheme();
  const scale = useMemo(() => scaleOf(at.colour, graph, theme.name), [at.colour, graph, theme]);
  const [hovered, setHovered] = useState<string | null>(null);
  const look = useLook(graph, at, wanted, scale, theme, hovered);
  const target = useTarget(layout, whole, at);
  const controls = useRef<Controls | null>(null);
  const hasPanel = at.table !== null || (at.from !== null && at.to !== null);
  const [pane, setPane] = useState<Pane>(hasPanel ? "panel" : "list");
  const shown = pane === "panel" && !hasPanel ? "list" : pane;
  const panes: [Pane, string][] = [
    ["list", "Tables"],
    ["canvas", "Picture"],
    ...(hasPanel ? ([["panel", "Details"]] as [Pane, string][]) : []),
  ];
  return (
    <div class="map" data-pane={shown} data-panel={hasPanel}>
      <div class="map-tools">
        <h1>Map</h1>
        <fieldset class="map-panes" aria-label="Part of the map">
          {panes.map(([name, title]) => (
            <button key={name} type="button" aria-pressed={shown === name} onClick={() => setPane(name)}>
              {title}
            </button>
          ))}
        </fieldset>
        <label>
          Colour{" "}
          <select value={at.colour} onChange={(event) => change({ colour: event.currentTarget.value as Colouring })}>
            {COLOURINGS.map((name) => (
              <option key={name} value={name}>
                by {name}
              </option>
            ))}
          </select>
        </label>
        <Exports graph={graph} layout={layout} look={look} />
        <button type="button" onClick={again} title="Read the catalog again">
          Reload
        </button>
      </div>
      <TableList
        graph={graph}
        shades={look.shades}
        chosen={at.table}
        find={at.find}
        onFollow={() => setPane("panel")}
      />
      <div class="map-stage">
        <MapCanvas
          label={`A picture of ${layout.boxes.length} tables. The list of tables shows the same as text. Arrow keys move the picture, plus and minus zoom.`}
          layout={layout}
          look={look}
          target={target}
          controls={controls}
          onHover={setHovered}
          onPick={(table, column) => {
            if (table !== null) go(addressOf({ table, column }));
          }}
          onRest={(paths) => paths.slice(0, MOST_STATISTICS).forEach((path) => void loadStatistics(path))}
        />
        <div class="map-zoom">
          <button type="button" aria-label="Zoom in" onClick={() => controls.current?.zoomBy(1.6)}>
            +
          </button>
          <button type="button" aria-label="Zoom out" onClick={() => controls.current?.zoomBy(1 / 1.6)}>
            −
          </button>
          <button type="button" onClick={() => controls.current?.fit()}>
            Fit
          </button>
        </div>
        <Legend scale={scale} colour={at.colour} />
        <div class="map-note" role="status">
          {layers.loading && (
            <span>
              Laying out {wanted?.paths.length} tables… <progress aria-label="Laying out" />
            </span>
          )}
          {wanted && wanted.left > 0 && (
            <span>
              The nearest {wanted.paths.length} tables are shown; {wanted.left} more are as near.
            </span>
          )}
          {marks.value.size > 0 && (
            <span>
              {marks.value.size} {marks.value.size === 1 ? "table is" : "tables are"} marked.{" "}
              <button
                type="button"
                class="link"
                onClick={() => {
                  marks.value = new Map();
                }}
              >
                Clear
              </button>
            </span>
          )}
          {hovered && <span>{hovered}</span>}
        </div>
        {layers.error !== null && <Failure error={asApiError(layers.error)} retry={layers.retry} />}
      </div>
      {hasPanel && (
        <div class="map-side">
          {at.from && at.to && <JoinPath graph={graph} from={at.from} to={at.to} />}
          {at.table && <Panel graph={graph} at={at} shades={look.shades} />}
          <Same
            of="the map"
            ways={{ http: "GET /api/v1/map" }}
            why="The whole map is one document of the management API."
          />
        </div>
      )}
    </div>
  );
}

interface Layers {
  layout: Layout | null;
  loading: boolean;
  error: unknown;
  retry: () => void;
}

function useLayers(graph: Graph, wanted: Wanted | null): Layers {
  const [made, setMade] = useState<{ of: Wanted; layout: Layout } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    setError(null);
    if (wanted === null) return;
    let current = true;
    import("./layered")
      .then(({ layered }) => layered(graph, wanted.paths, wanted.chosen))
      .then(
        (layout) => current && setMade({ of: wanted, layout }),
        (failed: unknown) => current && setError(failed),
      );
    return () => {
      current = false;
    };
  }, [graph, wanted, turn]);
  return {
    // The layout of the table before stays until this one's is there.
    layout: made?.layout ?? null,
    loading: wanted !== null && made?.of !== wanted && error === null,
    error,
    retry: () => setTurn((before) => before + 1),
  };
}

function useLook(
  graph: Graph,
  at: MapPlace,
  wanted: Wanted | null,
  scale: Scale,
  theme: ReturnType<typeof useTheme>,
  hovered: string | null,
): Look {
  const shades = useMemo(() => {
    const { legend } = scaleOf("stakeholder", graph, theme.name);
    return new Map(legend.map((item) => [item.label, item]));
  }, [graph, theme]);
  const known = statistics.value;
  const marked = marks.value;
  return useMemo(() => {
    const nulls = new Map<string, Map<string, Statistic>>();
    for (const [path, { columns }] of known) {
      nulls.set(path, new Map([...columns].map(([name, { null_fraction }]) => [name, { nulls: null_fraction }])));
    }
    return {
      theme: theme.colours,
      scale,
      shades,
      chosen: at.table,
      column: at.column,
      hovered,
      path: { tables: new Set(wanted?.keys.length ? wanted.paths : []), keys: new Set(wanted?.keys) },
      statistics: nulls,
      marks: marked,
    };
  }, [theme, scale, shades, at.table, at.column, hovered, wanted, known, marked]);
}

interface Target {
  area: Rectangle;
  gentle: boolean;
}

/** What the canvas brings into view: a new layout as a whole, and a table that is chosen in the overview. */
function useTarget(layout: Layout, whole: Layout, at: MapPlace): Target {
  const before = useRef<{ layout: Layout; target: Target } | null>(null);
  const target = useMemo(() => {
    const box = layout === whole ? layout.boxes.find(({ path }) => path === at.table) : undefined;
    // Who closes a table stays where they are.
    if (!box) return before.current?.layout === layout ? before.current.target : { area: layout.bounds, gentle: false };
    return { area: { x: box.x - 60, y: box.y - 60, width: box.width + 120, height: box.height + 120 }, gentle: true };
  }, [layout, whole, layout === whole ? at.table : null]);
  before.current = { layout, target };
  return target;
}

function Legend({ scale, colour }: { scale: Scale; colour: Colouring }) {
  return (
    <details class="map-legend">
      <summary>Legend: {colour}</summary>
      <ul>
        {scale.legend.map((item) => (
          <li key={item.label + item.code}>
            <Swatch shade={item} />{" "}
            {item.find ? (
              <button type="button" class="link" onClick={() => change({ find: item.find ?? null })}>
                {item.label}
              </button>
            ) : (
              item.label
            )}
          </li>
        ))}
      </ul>
      <p class="quiet">
        PK and FK: keys. ? after a type: nullable. A filled letter: the stakeholder requires the column; dashed: an
        alternative; outlined: optional. The bar under a column: how many rows have a value. Dashed boxes: views.
      </p>
    </details>
  );
}

function Exports({ graph, layout, look }: { graph: Graph; layout: Layout; look: Look }) {
  const [error, setError] = useState<unknown>(null);
  const paths = layout.boxes.map((box) => box.path);
  const ways: [string, () => Blob | Promise<Blob>][] = [
    ["svg", () => new Blob([svg(layout, plain(look))], { type: "image/svg+xml" })],
    ["png", () => png(layout, plain(look))],
    ["dbml", () => new Blob([dbml(graph, paths)], { type: "text/plain" })],
    ["md", () => new Blob([markdown(graph, paths)], { type: "text/markdown" })],
  ];
  const titles: Record<string, string> = { svg: "SVG", png: "PNG", dbml: "DBML", md: "Markdown" };
  const save = async (ending: string, make: () => Blob | Promise<Blob>) => {
    try {
      download(`map.${ending}`, await make());
      setError(null);
    } catch (failed) {
      setError(failed);
    }
  };
  return (
    <fieldset class="map-exports" aria-label="Save what is shown">
      <span class="quiet">Save as</span>
      {ways.map(([ending, make]) => (
        <button key={ending} type="button" onClick={() => void save(ending, make)}>
          {titles[ending]}
        </button>
      ))}
      {error !== null && <span class="bad">{asApiError(error).message}</span>}
    </fieldset>
  );
}

/** Without what only the pointer has brought. */
function plain(look: Look): Look {
  return { ...look, hovered: null };
}
