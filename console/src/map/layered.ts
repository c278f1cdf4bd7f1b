// The layout of a neighbourhood: layers by foreign keys, computed by ELK in a worker, so that the page never waits.

import ELK, { type ElkNode } from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import { type Box, boundsOf, boxOf, curves, type Edge, type Layout, MANY_ROWS, ROWS, rowOf } from "./layout";
import type { Graph, Table } from "./model";

const elk = new ELK({ workerFactory: () => new Worker(workerUrl) });

/** Lays out these tables, the referenced ones on the left; the chosen one shows more columns. */
export async function layered(graph: Graph, paths: readonly string[], chosen: string): Promise<Layout> {
  const boxes = new Map<string, Box>();
  for (const path of paths) {
    boxes.set(path, boxOf(graph.tables.get(path) as Table, path === chosen ? MANY_ROWS : ROWS));
  }
  const keys = graph.keys.filter((key) => boxes.has(key.from_path) && boxes.has(key.to_path));
  const between = keys.filter((key) => key.from_path !== key.to_path);
  const ids = new Map([...boxes.keys()].map((path, index) => [path, `t${index}`]));
  const laid = await elk.layout(asked(boxes, between, ids));
  const nodes = new Map((laid.children ?? []).map((node) => [node.id, node]));
  for (const [path, box] of boxes) {
    const node = nodes.get(ids.get(path) ?? "");
    box.x = node?.x ?? 0;
    box.y = node?.y ?? 0;
  }
  const edges: Edge[] = (laid.edges ?? []).flatMap((edge, index) => {
    const section = edge.sections?.[0];
    const key = between[index];
    if (!section || !key) return [];
    // ELK goes from the referenced to the referring table.
    const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].reverse();
    return [{ key, points, curved: false, bounds: boundsOf(points) }];
  });
  const own = keys.filter((key) => key.from_path === key.to_path);
  return {
    boxes: [...boxes.values()],
    groups: [],
    edges: [...edges, ...curves(own, boxes)],
    bounds: { x: 0, y: 0, width: laid.width ?? 0, height: laid.height ?? 0 },
  };
}

function asked(boxes: Map<string, Box>, keys: Graph["keys"], ids: Map<string, string>): ElkNode {
  const ports = new Map<string, { id: string; x: number; y: number; side: string }[]>();
  const port = (path: string, column: string | undefined, side: "WEST" | "EAST", id: string) => {
    const box = boxes.get(path) as Box;
    const place = { id, x: side === "WEST" ? 0 : box.width, y: rowOf(box, column), side };
    ports.set(path, [...(ports.get(path) ?? []), place]);
    return id;
  };
  const edges = keys.map((key, index) => ({
    id: `e${index}`,
    sources: [port(key.to_path, key.to_columns[0], "EAST", `e${index}a`)],
    targets: [port(key.from_path, key.from_columns[0], "WEST", `e${index}b`)],
  }));
  return {
    id: "root",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.edgeRouting": "ORTHOGONAL",
      "elk.spacing.nodeNode": "40",
      "elk.layered.spacing.nodeNodeBetweenLayers": "64",
      "elk.layered.spacing.edgeNodeBetweenLayers": "18",
      "elk.padding": "[top=0,left=0,bottom=0,right=0]",
      "elk.randomSeed": "1",
    },
    children: [...boxes].map(([path, box]) => ({
      id: ids.get(path) as string,
      width: box.width,
      height: box.height,
      layoutOptions: { "elk.portConstraints": "FIXED_POS" },
      ports: (ports.get(path) ?? []).map(({ id, x, y, side }) => ({
        id,
        x,
        y,
        width: 0,
        height: 0,
        layoutOptions: { "elk.port.side": side },
      })),
    })),
    edges,
  };
}
