// The state of the map, which is its address.

import { link, place } from "../routing";
import { COLOURINGS, type Colouring } from "./colours";

export const DEPTHS = [1, 2, 3, 4] as const;

export interface MapPlace {
  table: string | null;
  column: string | null;
  /** How far the neighbourhood reaches; null: all tables are shown. */
  depth: number | null;
  colour: Colouring;
  find: string;
  from: string | null;
  to: string | null;
}

export function readPlace(query: URLSearchParams): MapPlace {
  const depth = Number(query.get("depth"));
  const colour = query.get("colour") as Colouring;
  return {
    table: query.get("table"),
    column: query.get("column"),
    depth: DEPTHS.some((each) => each === depth) ? depth : null,
    colour: COLOURINGS.includes(colour) ? colour : "stakeholder",
    find: query.get("find") ?? "",
    from: query.get("from"),
    to: query.get("to"),
  };
}

/** The address of the map with these values changed, and all others as they are. */
export function addressOf(changed: Record<string, string | null>): string {
  return link("map", { ...Object.fromEntries(place.value.query), ...changed });
}
