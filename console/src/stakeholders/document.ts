// A specification as text, YAML or JSON, with the places of its parts: faults are shown where they are.

import { isMap, isNode, isScalar, isSeq, type Node, parseDocument, stringify } from "yaml";
import type { Schemas } from "../api/client";

export type Problem = Schemas["SpecificationProblem"];

export interface Place {
  from: number;
  to: number;
}

export interface Document {
  value: unknown;
  faults: { message: string; place: Place }[];
  /** The place that a JSON pointer names, or the nearest part around it. */
  at: (pointer: string) => Place;
  /** The place of a table, or of a field of it. */
  named: (path: string | null, field: string | null) => Place;
}

/** Reads YAML 1.2, of which JSON is a part. */
export function read(text: string): Document {
  const parsed = parseDocument(text, { prettyErrors: false, uniqueKeys: true });
  const whole: Place = { from: 0, to: Math.min(text.length, firstLine(text)) };
  const faults = parsed.errors.map((error) => ({
    message: error.message,
    place: { from: Math.min(error.pos[0], text.length), to: Math.min(error.pos[1], text.length) },
  }));
  const aliases = /(^|[\s[{,:])[&*][^\s,\]}]/m.test(text.replaceAll(/(['"]).*?\1/gs, '""'));
  let value: unknown = null;
  if (faults.length === 0) {
    if (aliases) faults.push({ message: "anchors and aliases are not supported", place: whole });
    else value = parsed.toJS();
  }
  const root = parsed.contents;
  return {
    value,
    faults,
    at: (pointer) => placeOf(root, pointer) ?? whole,
    named: (path, field) => named(root, path, field) ?? whole,
  };
}

function firstLine(text: string): number {
  const end = text.indexOf("\n");
  return end < 0 ? text.length : end;
}

function range(node: unknown): Place | null {
  return isNode(node) && node.range ? { from: node.range[0], to: Math.max(node.range[1], node.range[0] + 1) } : null;
}

function placeOf(root: unknown, pointer: string): Place | null {
  const parts = pointer
    .replace(/^#\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  let node = root;
  let found = range(root);
  for (const part of parts) {
    if (isMap(node)) node = node.get(part, true);
    else if (isSeq(node)) node = node.get(Number(part), true);
    else break;
    found = range(node) ?? found;
  }
  return found;
}

/** Looks for the table by its path, and within it for the field. */
function named(node: unknown, path: string | null, field: string | null): Place | null {
  if (path === null) return null;
  if (isSeq(node)) {
    for (const item of node.items) {
      const found = named(item, path, field);
      if (found) return found;
    }
  } else if (isMap(node)) {
    if (node.get("path") === path) {
      const inside = field === null ? null : scalarOf(node.get("fields", true) as Node | undefined, field);
      return inside ?? range(node.get("path", true));
    }
    for (const pair of node.items) {
      const found = named(pair.value, path, field);
      if (found) return found;
    }
  }
  return null;
}

function scalarOf(node: unknown, wanted: string): Place | null {
  if (isScalar(node)) return node.value === wanted ? range(node) : null;
  const items = isSeq(node) ? node.items : isMap(node) ? node.items.map((pair) => pair.value) : [];
  for (const item of items) {
    const found = scalarOf(item, wanted);
    if (found) return found;
  }
  return null;
}

export function asYaml(value: unknown): string {
  return stringify(value, { flowCollectionPadding: false, lineWidth: 100 });
}

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
